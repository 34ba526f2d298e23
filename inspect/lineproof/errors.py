"""Everything lineproof raises on purpose.

LineproofError                 one clear line: what, where, the remedy
├── InputError                 the call or its input was wrong (exit code 2)
│   ├── SettingsError          a YAML file has a wrong key or value
│   ├── DatasetError           annotations or images that cannot be used
│   ├── ImageError             bytes that are no usable image
│   │   └── ImageTooLarge      more pixels than allowed; told from the header, before memory is taken
│   └── WeightsError           a base that cannot be found or read
├── BundleError                a bundle that is no bundle, or was changed after sealing
├── GateError                  the answer is no: a gate was not met (exit code 1)
│   └── ParityError            the exported model does not decide as the trained one
├── MissingExtra               an optional dependency is not installed
├── EngineError                the session cannot be built, or a run failed
│   └── ProviderError          the required execution provider is not there
├── SourceError                frames cannot be had
│   ├── SourceEnded            a replay is through; not a fault
│   ├── SourceTimeout          no frame inside the time asked for
│   ├── SourceLost             the device is gone; a fresh handle is needed
│   └── FrameError             one frame is unusable; the next may be good
├── SignalError                the outside world did not take the verdict
└── RecordError                a record could not be written
"""

from __future__ import annotations


class LineproofError(Exception):
    """Base of every error raised on purpose; `hint` is the remedy, printed after the message."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Message and remedy on one line."""
        return f"{self.message} – {self.hint}" if self.hint else self.message


class InputError(LineproofError):
    """The call or its input was wrong."""


class SettingsError(InputError):
    """A settings file has a wrong key or value."""


class DatasetError(InputError):
    """Annotations or images that cannot be used."""


class ImageError(InputError):
    """Bytes that are no usable image."""


class ImageTooLarge(ImageError):
    """More pixels than allowed; told from the header, before memory is taken."""


class WeightsError(InputError):
    """A base that cannot be found or read."""


class BundleError(LineproofError):
    """A bundle that is no bundle, or was changed after sealing."""


class GateError(LineproofError):
    """The answer is no: a gate was not met."""

    exit_code = 1


class ParityError(GateError):
    """The exported model does not decide as the trained one."""


class MissingExtra(LineproofError):
    """An optional dependency is not installed."""


class EngineError(LineproofError):
    """The session cannot be built, or a run failed."""


class ProviderError(EngineError):
    """The required execution provider is not there."""


class SourceError(LineproofError):
    """Frames cannot be had."""


class SourceEnded(SourceError):
    """A replay is through; not a fault."""


class SourceTimeout(SourceError):
    """No frame inside the time asked for."""


class SourceLost(SourceError):
    """The device is gone; a fresh handle is needed."""


class FrameError(SourceError):
    """One frame is unusable; the part it showed is named, and the next frame may be good."""

    def __init__(self, message: str, *, part_id: str, origin: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.part_id = part_id
        self.origin = origin


class SignalError(LineproofError):
    """The outside world did not take the verdict."""


class RecordError(LineproofError):
    """A record could not be written."""
