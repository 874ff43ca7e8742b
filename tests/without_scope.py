#!/usr/bin/env python3
"""Takes one scope predicate after the other out of a copy of src/store and shows that the tests go red each time.

    python3 tests/without_scope.py [--only 3,10-17] [--list] [--keep FOLDER]

Long, on demand. The copy is built once: every predicate in it asks an environment variable whether it is the one to be left out, and the tests
run once for each. It needs what `cargo test` needs. SQLite is enough, and alone tells: on
PostgreSQL the database keeps the regions apart by itself, so that a predicate that is gone shows nowhere. Exit code 1 when a predicate can go and every test stays green.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VARIABLE = "COUNTERFOIL_LEFT_OUT"
# From the quick ones to all that may notice; a predicate is done with at the first red.
TESTS = [
    # Each function of the store by itself.
    ["matrix::queries", "--skip", "postgres"],
    ["matrix::places", "--skip", "postgres"],
    ["web::wall", "imports::wall", "--skip", "postgres"],
    ["matrix::everybody", "--skip", "postgres"],
    # Not the import of a file that lies beside the checkout, and so not beside the copy; nor what knows of no scope: times of sign-ins, templates.
    ["web::", "store::", "imports::", "--skip", "postgres", "--skip", "both_engines", "--skip", "imports::leeds", "--skip", "sign_in", "--skip", "templates"],
]
# Here what is asked for has been found within the scope just before, and the condition stands there once more.
AGAIN = {"transaction_search.rs": "asked"}
# What narrows a query to the scope, and what stands there when it is left out. NAME is the number of the predicate.
PREDICATES = [
    (r"\.push_list\((scope|sight\.money|sight\.roles)\.regions\(\)\)", r".push_within(NAME, \1.regions())"),
    (r"\.push_list\((asked|self)\.regions\.iter\(\)\.copied\(\)\)", r".push_within(NAME, \1.regions.iter().copied())"),
    (r"\bregions_of\(scope, query\);", "if crate::store::sql::left_out(NAME) { crate::store::sql::all_regions(reader).await? } else { regions_of(scope, query) };"),
    (r"\bscope\.regions\(\)\.collect\(\);", "if crate::store::sql::left_out(NAME) { crate::store::sql::all_regions(reader).await? } else { scope.regions().collect() };"),
    (r"\bnames\.covers\(\*region\)", "(crate::store::sql::left_out(NAME) || names.covers(*region))"),
    (r"(?<!push_)\bscope\.is_whole\(\)", "(crate::store::sql::left_out(NAME) || scope.is_whole())"),
    (r"\bscope\.covers\(region\)", "(crate::store::sql::left_out(NAME) || scope.covers(region))"),
    (
        r"scope\.narrowed\(&wanted\)\.regions\(\)\.collect\(\)",
        "(if crate::store::sql::left_out(NAME) { wanted.clone() } else { scope.narrowed(&wanted).regions().collect() })",
    ),
]
HELPERS = """
/// Whether this predicate is the one that is left out.
pub fn left_out(name: u32) -> bool {
    std::env::var("VARIABLE").is_ok_and(|left| left == name.to_string())
}

impl Sql {
    /// The regions of a scope, or all there are.
    pub fn push_within(&mut self, name: u32, regions: impl Iterator<Item = crate::domain::id::RegionId>) -> &mut Self {
        if left_out(name) { self.push("SELECT id FROM region") } else { self.push_list(regions) }
    }
}

/// All regions there are.
pub async fn all_regions(reader: &mut impl super::db::Reader) -> Result<Vec<crate::domain::id::RegionId>, super::failure::DbError> {
    Ok(reader.all::<(crate::domain::id::RegionId,)>(Sql::new("SELECT id FROM region")).await?.into_iter().map(|row| row.0).collect())
}
""".replace("VARIABLE", VARIABLE)


def rewritten(folder: Path) -> list[str]:
    """Numbers every predicate below src/store of the copy; where each stands."""
    places: list[str] = []
    for path in sorted((folder / "src/store").glob("*.rs")):
        text = path.read_text()
        for pattern, instead in PREDICATES:
            def number(found: re.Match, path: Path = path, instead: str = instead) -> str:
                line = found.string.count("\n", 0, found.start()) + 1
                if path.name in AGAIN and found.lastindex and found.group(1) == AGAIN[path.name]:
                    return found.group()
                places.append(f"{path.name}:{line} {found.group().strip('.')}")
                return found.expand(instead.replace("NAME", str(len(places))))
            text = re.sub(pattern, number, text)
        if path.name == "sql.rs":
            text += HELPERS
        path.write_text(text)
    return places


def built(folder: Path) -> Path:
    """The test binary of the copy."""
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    command = ["cargo", "test", "--locked", "--test", "all", "--no-run", "--target-dir", target]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    found = re.findall(r"Executable .*\((.+)\)", done.stderr)
    return Path(found[-1]) if Path(found[-1]).is_absolute() else folder / found[-1]


def red(binary: Path, folder: Path, number: int) -> str:
    """The first test that fails without this predicate; empty where none does."""
    environment = dict(os.environ, **{VARIABLE: str(number), "RUST_BACKTRACE": "0"})
    for tests in TESTS:
        done = subprocess.run([binary, *tests], cwd=folder, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            failed = re.findall(r"^test (\S+) \.\.\. FAILED", done.stdout, re.M)
            return failed[0] if failed else "the run itself"
    return ""


def numbers(text: str) -> list[int]:
    """`3,10-12` as 3, 10, 11, 12."""
    wanted: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        wanted.extend(range(int(first), int(last or first) + 1))
    return wanted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="numbers of predicates and ranges of them, with commas: it can be run in pieces")
    parser.add_argument("--list", action="store_true", help="say what would be left out, and stop")
    parser.add_argument("--keep", help="build in this folder and leave it")
    given = parser.parse_args()
    folder = Path(given.keep or tempfile.mkdtemp(prefix="counterfoil-scope-"))
    try:
        leave = shutil.ignore_patterns("target", "node_modules", ".git")
        shutil.copytree(ROOT, folder, ignore=leave, dirs_exist_ok=True)
        places = rewritten(folder)
        wanted = [number for number in numbers(given.only) if number <= len(places)] if given.only else list(range(1, len(places) + 1))
        if given.list:
            print("\n".join(f"{number} {places[number - 1]}" for number in wanted))
            return
        binary = built(folder)
        if first := red(binary, folder, 0):
            sys.exit(f"red with every predicate in its place: {first}")
        green = 0
        for number in wanted:
            noticed = red(binary, folder, number)
            green += not noticed
            print(f"{number}/{len(places)} {places[number - 1]}: {noticed or 'NOBODY NOTICES'}", flush=True)
        print(f"{len(wanted) - green} of {len(wanted)} noticed")
        sys.exit(1 if green else 0)
    finally:
        if not given.keep:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
