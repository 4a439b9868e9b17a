"""The tab AdvXAI: its files, and what the browser asks for. Loads neither Keras nor TensorFlow."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from tensorboard import plugin_util
from tensorboard.backend import http_util
from tensorboard.plugins import base_plugin
from werkzeug import wrappers

from keras_advxai.tensorboard.names import PLUGIN
from keras_advxai.tensorboard.viewer_data import NotLoggedError, ViewerData
from keras_advxai.viewer.assets import TYPES, asset

_LOG = logging.getLogger("keras_advxai")
_TAB = "AdvXAI" + "\N{NO-BREAK SPACE}" * 8
"""What the tab is called. Where tabs are scrolled, as at 1280 pixels, TensorBoard does not scroll to the end of its own
margin, and cuts 36 pixels off the last tab, which is this one. So it cuts off spaces."""

_POLICY = "default-src 'none'; frame-ancestors 'self'"
"""Of everything that is served here: none of it is a page."""


class AdvXAIPlugin(base_plugin.TBPlugin):
    """TensorBoard's tab.

    Args:
        context: What TensorBoard gives its plugins.
    """

    plugin_name = PLUGIN

    def __init__(self, context: base_plugin.TBContext) -> None:
        super().__init__(context)
        self._data = ViewerData(context.data_provider)

    def get_plugin_apps(self) -> dict[str, Any]:
        """The routes, of which there are no others."""
        files = {f"/{name}": self._app(self._file(name)) for name in TYPES}
        return {
            **files,
            "/runs": self._app(self._runs),
            "/overviews": self._app(self._overviews),
            "/details": self._app(self._details),
            "/picture": self._app(self._picture),
        }

    def is_active(self) -> bool:
        """Whether there is something to show, which TensorBoard finds out by the name of the plugin in the logs."""
        return False

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """What TensorBoard shows: a tab that reloads by itself."""
        return base_plugin.FrontendMetadata(es_module_path="/viewer.js", tab_name=_TAB, disable_reload=True)

    def _app(self, answer: Callable[[Any, Any, str], tuple[bytes, str]]) -> Any:
        @wrappers.Request.application
        def application(request: wrappers.Request) -> Any:
            content, kind, code = b"Not found.", "text/plain", 404
            if request.method not in ("GET", "HEAD"):
                content, code = b"Only GET is answered.", 405
            else:
                try:
                    experiment = plugin_util.experiment_id(request.environ)
                    (content, kind), code = answer(request, plugin_util.context(request.environ), experiment), 200
                except NotLoggedError:
                    pass
                except Exception:  # a damaged log, a directory that has gone: nothing of it is told to the browser
                    _LOG.warning("The tab AdvXAI could not answer %s.", request.path, exc_info=True)
                    content = b"This cannot be read."
            # `Respond` adds `nosniff`, and forbids caching: keys of blobs do not depend on their content.
            return http_util.Respond(request, content, kind, code=code, headers=[("Content-Security-Policy", _POLICY)])

        return application

    def _file(self, name: str) -> Callable[[Any, Any, str], tuple[bytes, str]]:
        return lambda request, context, experiment: (asset(name), TYPES[name])

    def _runs(self, request: Any, context: Any, experiment: str) -> tuple[bytes, str]:
        return self._data.runs(context, experiment), "application/json"

    def _overviews(self, request: Any, context: Any, experiment: str) -> tuple[bytes, str]:
        return self._data.overviews(context, experiment, _text(request, "run")), "application/json"

    def _details(self, request: Any, context: Any, experiment: str) -> tuple[bytes, str]:
        step = _text(request, "step")
        if not (step.isascii() and step.isdigit() and len(step) < 18):
            raise NotLoggedError
        return self._data.details(context, experiment, _text(request, "run"), int(step)), "application/json"

    def _picture(self, request: Any, context: Any, experiment: str) -> tuple[bytes, str]:
        return self._data.picture(context, experiment, _text(request, "run"), _text(request, "key")), "image/png"


def _text(request: Any, name: str) -> str:
    given = request.args.getlist(name)
    if len(given) != 1:
        raise NotLoggedError
    text: str = given[0]
    return text
