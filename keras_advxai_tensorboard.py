"""What TensorBoard imports to find the tab AdvXAI.

An error here would take all of TensorBoard down, and `import keras_advxai` raises where Keras is set to another
backend. So this module stands by itself, and whatever fails behind it costs this one tab.
"""

from __future__ import annotations

import logging
from typing import Any

from tensorboard.plugins import base_plugin

_STEPS = 1000
_PICTURES = 100


class AdvXAILoader(base_plugin.TBLoader):
    """Loads the plugin, if it can be loaded."""

    def fix_flags(self, flags: Any) -> None:
        """Keep every epoch: of more than ten, TensorBoard otherwise draws ten. What the user has asked for stays.

        Args:
            flags: The flags of TensorBoard.
        """
        kept = getattr(flags, "samples_per_plugin", None)
        if isinstance(kept, dict):
            kept.setdefault("advxai", _STEPS)
            kept.setdefault("images", _PICTURES)

    def load(self, context: Any) -> Any:
        """The plugin; `None` where it cannot be had.

        Args:
            context: What TensorBoard gives its plugins.
        """
        try:
            from keras_advxai.tensorboard.plugin import AdvXAIPlugin

            return AdvXAIPlugin(context)
        except Exception:  # of whatever kind: the other tabs go on
            logging.getLogger("keras_advxai").warning("The tab AdvXAI cannot be loaded.", exc_info=True)
            return None
