"""Patterns for products without an image, generated from the product's id."""

from hashlib import sha256

TILE, COLUMNS, ROWS = 200, 4, 3
WIDTH, HEIGHT = TILE * COLUMNS, TILE * ROWS

# Background, light tone, dark tone, accent.
PALETTES = [
    ("#eef0ff", "#c3cbff", "#2b3fd6", "#ff8a5c"),
    ("#fdf0e6", "#f6c9a4", "#1d3b36", "#e4572e"),
    ("#e9f5ef", "#a9dcc3", "#14532d", "#f2b632"),
    ("#fbeef3", "#f3b9d0", "#5b1647", "#2f7de1"),
    ("#eef6fa", "#a8d4e6", "#0f3b57", "#f4694c"),
    ("#f4f1fb", "#cfc0f0", "#33226b", "#2bb489"),
    ("#f7f4e7", "#e3d79a", "#2d3142", "#d64550"),
]


def draw(seed: str) -> str:
    digest = sha256(seed.encode()).digest()
    background, light, dark, accent = PALETTES[digest[0] % len(PALETTES)]
    colors = (light, dark, light, accent)
    tiles = []
    for cell in range(COLUMNS * ROWS):
        row, column = divmod(cell, COLUMNS)
        byte = digest[1 + cell]
        shape, turns, color = byte & 7, (byte >> 3) & 3, (byte >> 5) & 3
        tiles.append(
            f'<g transform="translate({column * TILE} {row * TILE}) rotate({turns * 90} 100 100)">'
            f"{SHAPES[shape].format(color=colors[color], other=colors[(color + 1) % 4], background=background)}</g>"
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="Abstract pattern">'
        f'<path fill="{background}" d="M0 0h{WIDTH}v{HEIGHT}H0z"/>{"".join(tiles)}</svg>'
    )


SHAPES = (
    '<path fill="{color}" d="M0 0h200a200 200 0 0 1-200 200z"/>',
    '<path fill="{color}" d="M0 0h200v100a100 100 0 0 1-200 0z"/>',
    '<path fill="{color}" d="M0 0h200v200z"/>',
    '<circle fill="{color}" cx="100" cy="100" r="100"/><circle fill="{other}" cx="100" cy="100" r="45"/>',
    '<path fill="{color}" d="M0 0h200v200H0z"/><circle fill="{background}" cx="100" cy="100" r="60"/>',
    '<path fill="{color}" d="M0 0a200 200 0 0 1 200 200h-66A134 134 0 0 0 0 66z"/>'
    '<path fill="{color}" d="M0 132a68 68 0 0 1 68 68H0z"/>',
    '<path fill="{color}" d="M0 0h40v200H0zM80 0h40v200H80zM160 0h40v200h-40z"/>',
    '<path fill="{color}" d="M0 0h100v100H0zM100 100h100v100H100z"/>'
    '<path fill="{other}" d="M100 0h100v100a100 100 0 0 1-100-100z"/>',
)
