"""What a module may ask, and what it is told: the password, where the answer is not to be shown."""

from __future__ import annotations

import ctypes
from typing import Any

from pam import PAM_BUF_ERR, PAM_PROMPT_ECHO_OFF, PAM_SUCCESS, PamAuthenticator  # type: ignore[import-untyped]
from pam.__internals import PamConv, PamResponse, conv_func  # type: ignore[import-untyped]

_RESPONSE = ctypes.sizeof(PamResponse)


def conversation(password: bytes) -> Any:
    """A conversation (pam_conv(3)) in which `password` is the answer; to be kept as long as its transaction.

    Of messages that come together only the first is answered.
    """

    def answer(count: int, messages: Any, responses: Any, data: Any) -> int:
        address = PamAuthenticator.calloc(count, _RESPONSE)
        if not address:
            return int(PAM_BUF_ERR)
        response = PamResponse.from_address(address)
        if count and messages[0].contents.msg_style == PAM_PROMPT_ECHO_OFF:
            response.resp = copy = PamAuthenticator.calloc(len(password) + 1, 1)
            if copy:
                ctypes.memmove(copy, password, len(password))
        responses[0] = ctypes.pointer(response)
        return int(PAM_SUCCESS)

    return PamConv(conv_func(answer), None)
