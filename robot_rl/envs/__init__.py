"""A task on an engine: batched environments and their Gymnasium face."""
