#!/usr/bin/env python3
"""Checks an export of Counterfoil's audit trail without Counterfoil: python3 and its standard library are all it needs.

    python3 counterfoil_verify.py TRAIL.jsonl [--public-key FILE] [--anchors FILE]... [--json]

It says one of three things, and ends with the number in brackets:
  ok (0)               every event is as it was sealed, a key that you brought along signed it, and an anchor that you brought along agrees
  broken at event N (5)  the first event that does not hold, and why
  not proven (6)       nothing is wrong, but nothing from outside vouches for it: no key, no checkpoint, no anchor, or only a part of the trail

The key must come to you from people you trust, not from the portal; anchors are checkpoints that were noted elsewhere: the portal's
anchor file, a log of the system, or earlier exports of yours.
"""

import argparse
import base64
import hashlib
import json
import struct
import sys

# Ed25519 (RFC 8032), verification alone.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def decompress(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


def add(a, b):
    one, two = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    three, four = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = two - one, four - three, four + three, two + one
    return (e * f % P, g * h % P, f * g % P, e * h % P)


BASE = decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519(key, message, signature):
    """Whether the signature is the key's over the message."""
    point = decompress(key) if len(key) == 32 and len(signature) == 64 else None
    r = decompress(signature[:32]) if point else None
    s = int.from_bytes(signature[32:], "little")
    if not point or not r or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    # s * BASE - h * point, both at once.
    minus = (P - point[0], point[1], 1, P - point[3])
    both, total = add(BASE, minus), (0, 1, 1, 0)
    for bit in range(max(s, h).bit_length() - 1, -1, -1):
        total = add(total, total)
        which = (s >> bit & 1, h >> bit & 1)
        if which != (0, 0):
            total = add(total, {(1, 0): BASE, (0, 1): minus, (1, 1): both}[which])
    return (total[0] - r[0] * total[2]) % P == 0 and (total[1] - r[1] * total[2]) % P == 0


# Signed notes (c2sp.org/signed-note) and checkpoints (c2sp.org/tlog-checkpoint).
MARK = "\u2014 "


def read_key(text):
    """(name, id, key bytes) of `name+id+key`, or None."""
    try:
        name, ident, encoded = text.strip().split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
    except ValueError:
        return None
    right = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    return (name, right, raw[1:]) if len(raw) == 33 and raw[0] == 1 and right.hex() == ident else None


def signed_by(note, key):
    """Whether the key signed the note, a pair of text and signature lines."""
    for line in note[1]:
        try:
            name, encoded = line[len(MARK):].split(" ", 1)
            raw = base64.b64decode(encoded, validate=True)
        except ValueError:
            continue
        if name == key[0] and raw[:4] == key[1]:
            return ed25519(key[2], note[0].encode(), raw[4:])
    return False


def read_note(written):
    text, gap, lines = written.rpartition("\n\n")
    lines = lines.split("\n")
    good = gap and len(lines) > 1 and lines.pop() == "" and all(line.startswith(MARK) for line in lines)
    return (text + "\n", lines) if good else None


def read_notes(text):
    """Every note in a file: one after the other, on lines of a log, or in an earlier export."""
    found, piece = [], []
    for line in text.split("\n") + [""]:
        if line.startswith('{"') and '"kind":"checkpoint"' in line:
            line = "counterfoil-checkpoint " + json.loads(line)["note"].replace("\n", "\\n")
        if "counterfoil-checkpoint " in line:
            found.append(read_note(line.split("counterfoil-checkpoint ", 1)[1].strip().replace("\\n", "\n")))
        elif line.startswith(MARK):
            piece.append(line)
        else:
            if piece and piece[-1].startswith(MARK):
                found.append(read_note("\n".join(piece) + "\n"))
                piece = []
            elif piece and piece[-1] == "":
                piece = []
            piece.append(line)
    return [note for note in found if note]


def read_checkpoint(text):
    """The fields of a checkpoint's text, or None."""
    lines = text.split("\n")
    words = ["", "", "", "chain ", "postings ", "schema ", "program ", "at "]
    if len(lines) != 9 or lines[8] or not all(line.startswith(word) for line, word in zip(lines, words)):
        return None
    no, digest = lines[4][9:].split(" ", 1)
    root = base64.b64decode(lines[2]).hex()
    return {"origin": lines[0], "size": lines[1], "root": root, "chain": lines[3][6:], "posting_no": no, "postings": digest, "at": lines[7][3:]}


def vouching(pinned, notes, origin):
    """The keys brought along, and those that they have handed over to, as far as that was noted outside."""
    keys = list(pinned)
    for note in notes:
        lines = note[0].split("\n")
        if len(lines) == 5 and lines[:2] == [origin, "key"] and lines[2].startswith("from ") and lines[3].startswith("to "):
            old, new = read_key(lines[2][5:]), read_key(lines[3][3:])
            if old in keys and new and signed_by(note, old) and signed_by(note, new):
                keys.append(new)
    return keys


class Broken(Exception):
    """At which event, and why."""


def sha(data):
    return hashlib.sha256(data).digest()


class Trail:
    def __init__(self, pinned):
        self.pinned, self.keys, self.lost, self.marks = pinned, [], [], {}
        self.seq, self.chain, self.peaks = 0, bytes(32), []
        self.agreed, self.signed, self.last, self.postings, self.money = 0, None, None, (0, bytes(32)), {}
        self.at_posting = {0: bytes(32)}

    def root(self):
        if not self.peaks:
            return sha(b"")
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = sha(b"\x01" + peak + root)
        return root

    def event(self, line, whole):
        seq = int(line["seq"])
        if whole and seq != self.seq + 1:
            raise Broken(self.seq + 1 if seq > self.seq else seq, "it is missing, or another stands in its place")
        raw = line["body"].encode() if "body" in line else base64.b64decode(line["body_base64"])
        leaf = sha(b"\x00" + raw)
        if leaf.hex() != line["leaf"] or line["body_version"] != "1":
            raise Broken(seq, "its body is not the one that was sealed")
        if whole or seq == self.seq + 1:
            self.chain = sha(b"\x02" + self.log + struct.pack(">Q", seq) + self.chain + leaf)
            if self.chain.hex() != line["chain"] and (whole or self.seq):
                raise Broken(seq, "it does not follow from the event before it")
        if not whole:
            self.chain = bytes.fromhex(line["chain"])
        try:
            body = json.loads(raw)
            sealed = [body["id"], body["at"], body["actor"]["kind"], body["actor"]["id"], body["action"]]
            sealed += [body["object"]["kind"], body["object"]["id"], body["region"]]
        except (ValueError, KeyError, TypeError):
            raise Broken(seq, "its body cannot be read") from None
        columns = [line["id"], line["at"], line["actor_kind"], line["actor_id"] or "", line["action"]]
        if sealed != columns + [line["object_kind"], line["object_id"], line["region"]]:
            raise Broken(seq, "a column says something else than its body")
        self.seq, size = seq, seq - 1
        while size & 1 and self.peaks:
            leaf, size = sha(b"\x01" + self.peaks.pop() + leaf), size >> 1
        self.peaks.append(leaf)
        if line["object_kind"] == "audit":
            self.told(seq, body)
        if seq in self.marks:
            self.marks[seq] = (self.root().hex(), self.chain.hex())

    def told(self, seq, body):
        """What the trail says of its keys, and of what was lost by a restore."""
        detail, action = body.get("detail") or {}, body["action"]
        if action == "audit.restore_accepted":
            self.lost.append((int(detail["kept_to"]), int(detail["lost_to"])))
        if action not in ("audit.key_begun", "audit.key_rotated", "audit.key_replaced"):
            return
        text, before = detail.get("key") or detail.get("to") or "", self.keys[-1] if self.keys else None
        key = read_key(text)
        if not key or key[0] != self.origin or (detail.get("from") or "") != (before[1] if before else ""):
            raise Broken(seq, "it names a key that does not belong here")
        trusted = key in self.pinned
        if action == "audit.key_rotated":
            note = read_note(detail["note"])
            said = f"{self.origin}\nkey\nfrom {detail['from']}\nto {detail['to']}\n"
            if not note or note[0] != said or not signed_by(note, key) or not before or not signed_by(note, before[0]):
                raise Broken(seq, "the new key is not signed by itself and by the one before")
            trusted = trusted or before[2]
        self.keys.append((key, text, trusted, seq))

    def checkpoint(self, line):
        size = int(line["size"])
        note = read_note(line["note"])
        made = note and read_checkpoint(note[0])
        key = next((key for key in reversed(self.keys) if key[3] <= size), None)
        if not made or made["origin"] != self.origin or not key or line["public_key"] != key[1] or not signed_by(note, key[0]):
            raise Broken(size, "the checkpoint there is not signed with the trail's key")
        if any(made[name] != line[name] for name in ("size", "at", "root", "chain", "posting_no", "postings")):
            raise Broken(size, "the checkpoint there says something else than its note")
        if size > self.seq:
            raise Broken(self.seq + 1, f"a checkpoint covers {size} events: the end was cut off")
        if self.marks.get(size) != (made["root"], made["chain"]):
            raise Broken(self.agreed + 1, f"something up to event {size} is not what was signed, and was chained afresh")
        if line["peaks"] != self.peaks_at.get(size, line["peaks"]):
            raise Broken(size, "the checkpoint there has other peaks than its tree")
        if self.at_posting.get(int(made["posting_no"]), b"").hex() != made["postings"]:
            raise Broken(size, "the postings up to there are not those that were signed")
        if key[2]:
            self.signed = (size, made["at"])
        self.agreed = size

    def posting(self, fields):
        digest = self.postings[1]
        parts = [b"\xff" * 4 if field is None else struct.pack(">I", len(field.encode())) + field.encode() for field in fields]
        self.postings = (int(fields[0]), sha(b"\x03" + digest + b"".join(parts)))
        if self.postings[0] in self.posting_marks:
            self.at_posting[self.postings[0]] = self.postings[1]
        counted, amount = fields[5], int(fields[7])
        for account, budget, signed in ((fields[8], fields[9], -amount), (fields[12], fields[13], amount)):
            if budget is not None:
                figures = self.money.setdefault(budget, [0] * 6)
                names = {"allocation": 0, "adjustment": 1, "transfer": 1, "carry_over": 2}
                if account == "available":
                    figures[5] += signed
                    if counted in names:
                        figures[names[counted]] += signed
                elif account in ("reserved", "spent"):
                    figures[3 if account == "reserved" else 4] += signed

    def budget(self, line):
        said = [int(figure) for figure in line["figures"]]
        held = self.money.get(line["id"], [0] * 6)
        if said != held[:5] or said[0] + said[1] + said[2] - said[3] - said[4] != held[5]:
            raise Broken(self.seq, f"the figures of budget {line['id']} are not the sum of its postings")


def marks_of(path):
    """Which events and which postings checkpoints end with: they stand behind what they cover."""
    with open(path, encoding="utf-8") as lines:
        made = [json.loads(line) for line in lines if '"kind":"checkpoint"' in line]
    return {int(one["size"]) for one in made}, {int(one["posting_no"]) for one in made}


def verify(path, pinned, notes):
    """(verdict, broken at, why, facts). Reads the file twice, and holds little of it."""
    trail, ended, head, count = Trail(pinned), None, None, 0
    trail.peaks_at = {}
    sizes, trail.posting_marks = marks_of(path)
    anchors = []
    with open(path, encoding="utf-8") as lines:
        for written in lines:
            line = json.loads(written)
            kind = line["kind"]
            if kind == "trail":
                head, trail.origin, trail.log = line, line["origin"], bytes.fromhex(line["log_id"])
                made = [(note, read_checkpoint(note[0])) for note in notes]
                anchors = [(note, one) for note, one in made if one and one["origin"] == trail.origin]
                trail.marks = dict.fromkeys(sizes | {int(one["size"]) for _, one in anchors})
            elif kind == "event":
                trail.event(line, head["whole"])
                if trail.seq in sizes:
                    trail.peaks_at[trail.seq] = b"".join(trail.peaks).hex()
            elif kind == "posting":
                trail.posting(line["fields"])
            elif kind == "budget":
                trail.budget(line)
            elif kind == "checkpoint" and head["whole"]:
                trail.checkpoint(line)
            elif kind == "end":
                ended = line
            count += 1
    facts = {"events": trail.seq, "head": trail.chain.hex(), "signed": trail.signed, "anchored": None, "lost": trail.lost}
    if not head or not ended or int(ended["lines"]) != count - 1:
        raise Broken(trail.seq + 1, "the file was cut off or put together")
    if not head["whole"]:
        return "not proven", "the file holds a part of the trail: each event in it is as it was sealed, and that none is missing cannot be seen", facts
    if (int(head["events"]), head["chain"]) != (trail.seq, trail.chain.hex()):
        raise Broken(trail.seq + 1, "the head of the trail says something else")
    if ended["public_key"] != (trail.keys[-1][1] if trail.keys else ""):
        raise Broken(trail.seq, "the key in use is not the one that the trail names")
    if trail.keys and pinned and not any(key[2] for key in trail.keys):
        raise Broken(trail.keys[0][3], "it is signed with another key than the one that was given")
    trusted = vouching(pinned, notes, trail.origin) + [key[0] for key in trail.keys if key[2]]
    for note, made in anchors:
        size = int(made["size"])
        if not any(signed_by(note, key) for key in trusted):
            continue
        if trail.marks.get(size) == (made["root"], made["chain"]):
            facts["anchored"] = max(facts["anchored"] or (0, ""), (size, made["at"]))
        elif any(kept < size <= lost for kept, lost in trail.lost):
            continue
        elif size > trail.seq:
            raise Broken(trail.seq + 1, f"{size} events were anchored: an older database was put back, or the end was cut off")
        else:
            raise Broken((facts["anchored"] or (0,))[0] + 1, f"something up to event {size} is not what was anchored")
    if not trail.keys:
        return "not proven", "nothing of it is signed", facts
    if not pinned:
        return "not proven", "no public key was given (--public-key)", facts
    if not trail.signed:
        return "not proven", "nothing is signed by the key that was given", facts
    if not facts["anchored"]:
        return "not proven", "no anchor was given or agrees (--anchors): nothing outside knows how long the trail is", facts
    return "ok", "", facts


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], epilog="Ends with 0 (ok), 5 (broken) or 6 (not proven).")
    parser.add_argument("trail", help="the export, a file of JSON lines")
    parser.add_argument("--public-key", help="a file with public keys that you have from elsewhere")
    parser.add_argument("--anchors", action="append", default=[], help="a file with checkpoints that were noted outside; may be given several times")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    args = parser.parse_args()
    pinned, notes = [], []
    if args.public_key:
        with open(args.public_key, encoding="utf-8") as lines:
            pinned = [key for key in map(read_key, lines) if key]
        if not pinned:
            parser.error(f"{args.public_key} holds no public key")
    for path in args.anchors:
        with open(path, encoding="utf-8", errors="replace") as file:
            notes += read_notes(file.read())
    at, facts = None, {}
    try:
        verdict, why, facts = verify(args.trail, pinned, notes)
    except Broken as fault:
        verdict, (at, why) = "broken", fault.args
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        verdict, at, why = "broken", 0, f"the file is not an export that can be read ({fault!r})"
    if args.json:
        print(json.dumps({"verdict": verdict.replace(" ", "_"), "broken_at": at, "why": why, **facts}))
    elif verdict == "broken":
        print(f"broken at event {at}: {why}")
    else:
        print(verdict + (f": {why}" if why else ""))
        print(f"{facts['events']} events, head {facts['head']}")
        for word in ("signed", "anchored"):
            print(f"{word} up to event {facts[word][0]}" if facts[word] else f"not {word}")
        for kept, lost in facts["lost"]:
            print(f"events {kept + 1} to {lost} are gone: a restore was accepted")
    return {"ok": 0, "broken": 5, "not proven": 6}[verdict]


if __name__ == "__main__":
    sys.exit(main())
