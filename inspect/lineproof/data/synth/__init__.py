"""Procedural parts with exact truth: the built-in data of `lineproof demo` and of the shipped bases."""

from lineproof.data.synth.generate import SynthDefect, SynthShot, synth_shot, synth_shots
from lineproof.data.synth.settings import SynthSettings

__all__ = ["SynthDefect", "SynthSettings", "SynthShot", "synth_shot", "synth_shots"]
