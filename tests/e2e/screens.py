from typing import Any

import pytest

SCREENS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "is_mobile": True,
        "has_touch": True,
    },
}

both_screens = pytest.mark.parametrize("screen", list(SCREENS))
on_phone = pytest.mark.parametrize("screen", ["phone"])
without_javascript = pytest.mark.browser_context_args(java_script_enabled=False)
