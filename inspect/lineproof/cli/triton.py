"""`lineproof export BUNDLE --triton DIR`: a sealed bundle as an NVIDIA Triton model repository."""

from __future__ import annotations

from pathlib import Path


def triton_repository(
    bundle: Path, out: Path, *, max_batch: int = 8, instances: int = 1, gpu: bool = True, tensorrt: bool = False
) -> tuple[dict[str, object], str]:
    """Verify a bundle and write it as a Triton model repository: the facts, and how to start it in words.

    Raises:
        BundleError: the bundle is not whole, or `out` exists; nothing is written.
    """
    from dataclasses import asdict

    from lineproof.bundle.open import open_bundle
    from lineproof.bundle.triton import write_triton_repository

    sealed = open_bundle(bundle)
    written = write_triton_repository(sealed, out, max_batch=max_batch, instances=instances, gpu=gpu, tensorrt=tensorrt)
    maps = sealed.manifest.outputs == "maps"
    hint = "\nnote: outputs `maps` move every cell to the caller; export with --outputs rows for Triton" if maps else ""
    batch = f"batches up to {written.max_batch}" if written.max_batch else "one image at a time"
    text = (
        f"{out}: model {written.model_name}, {batch}, digest {written.digest}\n"
        f"start it with: tritonserver --model-repository={out.absolute()}{hint}"
    )
    facts: dict[str, object] = {"repository": str(out), "outputs": sealed.manifest.outputs}
    facts |= {name: value for name, value in asdict(written).items() if name not in {"path", "digest"}}
    return {"triton": {**facts, "digest": written.digest}}, text
