"""Your reactions to sales, webhooks and changes of models; see docs/guides/react-to-a-sale.md."""
