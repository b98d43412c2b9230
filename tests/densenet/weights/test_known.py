"""The list of trained nets, in this project and where the package stands alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torchvision

import densenet
from densenet.weights import WEIGHTS
from densenet.weights.known import ASSETS, known_record

PACKAGE = Path(densenet.__file__).parent


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the package and nothing else."""
    folder = tmp_path_factory.mktemp("alone")
    shutil.copytree(PACKAGE, folder / "densenet", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def said_by(alone: Path, code: str) -> str:
    """What a fresh interpreter prints that knows the copy of the package only."""
    done = subprocess.run([sys.executable, "-c", code], cwd=alone, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_package_alone_knows_the_published_nets(alone: Path) -> None:
    code = "from densenet.weights import WEIGHTS, load_file; import densenet; print(densenet.__file__, *WEIGHTS)"
    where, *names = said_by(alone, code).split()
    assert Path(where).is_relative_to(alone), "the copy was imported"
    assert names == [name for name in WEIGHTS if WEIGHTS[name].url is not None]
    assert "densenet121" in names


def test_the_package_alone_says_where_the_embedded_net_lies(alone: Path) -> None:
    code = (
        "from densenet.weights import is_here, load\n"
        "print(is_here('densenet121', 'nowhere'))\n"
        "for ask in (load, is_here):\n"
        "    try: ask('cifar10')\n"
        "    except ValueError as error: print(error)"
    )
    here, *sentences = said_by(alone, code).splitlines()
    assert here == "False"
    assert len(sentences) == 2
    assert all("cifar10" in sentence and str(alone / "assets") in sentence for sentence in sentences)


def test_in_this_project_the_embedded_net_is_among_them() -> None:
    assert known_record("cifar10") is WEIGHTS["cifar10"]
    assert (ASSETS / "cifar10.pth").is_file()
    assert not ASSETS.is_relative_to(PACKAGE)


@pytest.mark.parametrize("name", ["cifar100", "", None])
def test_an_unknown_name_is_refused_with_the_list(name: str) -> None:
    with pytest.raises(
        ValueError, match=r"^weights must be one of (photos23, )?cifar10, densenet121, densenet161, densenet169, densenet201, got"
    ):
        known_record(name)


@pytest.mark.parametrize("name", ["densenet121", "densenet161", "densenet169", "densenet201"])
def test_imagenet_nets_claim_what_torchvision_claims(name: str) -> None:
    meta = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].meta
    record, claimed = WEIGHTS[name], meta["_metrics"]["ImageNet-1K"]
    assert (record.params, record.top1_accuracy, record.top5_accuracy) == (meta["num_params"], claimed["acc@1"], claimed["acc@5"])
