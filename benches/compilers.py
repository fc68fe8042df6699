"""Bytes of activations of int8 models by plimsoll and by compilers that tile for a runtime or processor of their own:

    cargo build --release
    pip install ethos-u-vela tigris-ml
    python3 benches/compilers.py target/release/plimsoll ../shared/zoo/tflite/tiny/*.tflite

- TFLM: the tensors in the arena of TensorFlow Lite Micro, planned by its greedy planner, without scratch.
- Vela: SRAM of `vela --accelerator-config ethos-u55-128 --optimise Size`; some weights may be part of it.
- TiGrIS: fast and slow memory together; between stages, its runtime keeps tensors in the slow memory.
- plimsoll: the plan in the order of plimsoll, with shared memory, and tiled without and with 5 % extra
  multiply-accumulates, for kernels that overwrite inputs and read rows of channels-innermost tensors in place.
- rewritten: the head of the arena of an unmodified TensorFlow Lite Micro for the model that
  `plimsoll plan --tile=head --max-extra-macs 5% --out` writes.
"""

import csv
import json
import pathlib
import re
import subprocess
import sys
import tempfile

SHARED = ["--share", "all", "--layout", "channels-innermost", "--inputs", "overwritable", "--variables", "outside"]


def run(*arguments):
    return subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True)


def tflm(model):
    report = json.loads(run("tigris", "analyze", "--json", model).stdout)
    return report["tflite_micro"]["tensor_arena_bytes"]


def vela(model, folder):
    done = run("vela", "--accelerator-config", "ethos-u55-128", "--optimise", "Size", "--output-dir", folder, model)
    summaries = list(folder.glob("*_summary_*.csv"))
    if done.returncode != 0 or not summaries:
        return None
    with open(summaries[0], newline="", encoding="utf-8") as file:
        return round(float(next(csv.DictReader(file))["sram_memory_used"]) * 1024)


def tigris(model):
    """The smallest sum of fast and slow memory over sixteen sizes of fast memory, up to the arena of TFLM."""
    arena, best = tflm(model), None
    for part in range(1, 17):
        fast = -(-arena * part // 16)
        report = json.loads(run("tigris", "analyze", "--json", "-m", fast, model).stdout)
        if report["fast"]["verdict"] == "needs_work" or report["fast"]["infeasible"]:
            continue
        # A network that runs in one stage needs no slow memory.
        slow = report["slow"]["peak_bytes"] if report["fast"]["stages"] > 1 else 0
        best = min(best or fast + slow, fast + slow)
    return best


def plimsoll(command, model, folder, *options):
    run(command, "plan", model, "--align", 1, *options, "--out", folder / "plan.json")
    return json.loads((folder / "plan.json").read_text())["arena_bytes"]


def rewritten(command, model, folder):
    done = run(command, "plan", model, "--tile=head", "--max-extra-macs", "5%", "--out", folder / "tiled.tflite")
    found = re.search(r"^head of TensorFlow Lite Micro's arena: (\d+) bytes", done.stdout, re.M)
    return int(found[1]) if found else None


def main(command, models):
    print("| model | TFLM | Vela | TiGrIS | plimsoll: order | shared | tiled, 0 % | tiled, 5 % | rewritten |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for model in models:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            tiled = [plimsoll(command, model, folder, *SHARED, "--tile", "--max-extra-macs", budget) for budget in ("0%", "5%")]
            row = [tflm(model), vela(model, folder), tigris(model), plimsoll(command, model, folder),
                   plimsoll(command, model, folder, *SHARED), *tiled, rewritten(command, model, folder)]
        cells = ["-" if cell is None else str(cell) for cell in row]
        print("|", pathlib.Path(model).stem, "|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
