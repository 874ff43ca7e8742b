#!/usr/bin/env python3
"""Checks an export of Counterfoil's audit trail without Counterfoil: python3 and its standard library are all it needs.

    python3 counterfoil_verify.py TRAIL.jsonl [--public-key FILE] [--anchors FILE]... [--json]

It says one of three things, and ends with the number in brackets:
  ok (0)               every event is as it was sealed, a key that you brought along signed it to the end, and an anchor that you brought along agrees
  broken at event N (5)  the first event that does not hold, and why
  not proven (6)       nothing is wrong, but nothing from outside vouches for it: no key, no checkpoint, no anchor, or only a part of the trail

The key must come to you from people you trust, not from the portal; anchors are checkpoints that were noted elsewhere: the portal's
anchor file, a log of the system, or earlier exports of yours.
"""

import argparse
import base64
import hashlib
import json
import re
import struct
import sys

# More events, or events over more microseconds, that no trusted key has signed are no tail of the trail any more.
TAIL_EVENTS, TAIL_TIME = 2000, 1200 * 10**6

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


# Text that is read strictly: what was changed in any way is something else.
def number(text):
    if not isinstance(text, str) or not re.fullmatch("-?[1-9][0-9]{0,18}|0", text) or not -(2**63) <= int(text) < 2**63:
        raise ValueError(f"{text!r} is no number")
    return int(text)


def decode(text):
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError("base 64 with something in it that is not needed")
    return raw


def no_constant(name):
    raise ValueError(f"{name} is no number")


def once(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


parse = json.JSONDecoder(object_pairs_hook=once, parse_constant=no_constant).decode
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError, struct.error)


# Signed notes (c2sp.org/signed-note) and checkpoints (c2sp.org/tlog-checkpoint).
MARK = "\u2014 "


def read_key(text):
    """(name, id, key bytes) of `name+id+key`, or None."""
    try:
        name, ident, encoded = text.split("+", 2)
        raw, right = decode(encoded), name.encode()
    except UNREADABLE:
        return None
    right = hashlib.sha256(right + b"\n" + raw).digest()[:4]
    return (name, right, raw[1:]) if name and len(raw) == 33 and raw[0] == 1 and right.hex() == ident else None


def signature(line):
    """Name and bytes of a signature line, or None."""
    try:
        name, encoded = line[len(MARK):].split(" ", 1)
        return (name, decode(encoded)) if line.startswith(MARK) else None
    except UNREADABLE:
        return None


def signed_by(note, key):
    """Whether the key signed the note, a pair of text and signatures."""
    own = next((raw for name, raw in note[1] if name == key[0] and raw[:4] == key[1]), None)
    return own is not None and ed25519(key[2], note[0].encode(), own[4:])


def read_note(written):
    try:
        written.encode()
        text, lines = written.rsplit("\n\n", 1)
    except UNREADABLE:
        return None
    signatures = [signature(line) for line in lines.split("\n")[:-1]]
    return (text + "\n", signatures) if lines.endswith("\n") and all(signatures) and len(signatures) <= 16 else None


def exported(line):
    """The note in a line of an earlier export: a checkpoint's, or the one by which a key hands over."""
    try:
        if '"kind":"checkpoint"' in line:
            return read_note(parse(line)["note"])
        return read_note(parse(parse(line)["body"])["detail"]["note"]) if '"action":"audit.key_rotated"' in line else None
    except UNREADABLE:
        return None


def read_notes(text):
    """Every note in a file: one after the other, on lines of a log, or in an earlier export. What is none is passed over."""
    found, piece, ended, signed = [], [], False, False
    for line in text.split("\n") + [""]:
        if "counterfoil-checkpoint " in line:
            found.append(read_note(line.split("counterfoil-checkpoint ", 1)[1].strip().replace("\\n", "\n")))
        elif line.startswith("{"):
            found.append(exported(line))
        elif ended and line.startswith(MARK):
            signed = True
            piece += [line] if signature(line) else []
        else:
            if signed:
                found.append(read_note("\n".join(piece) + "\n"))
            if signed or ended:
                piece, signed = [], False
            ended = line == ""
            piece.append(line)
    return [note for note in found if note]


CHECKPOINT = re.compile(
    r"(?P<origin>[^\n\r]*)\n(?P<size>[0-9]+)\n(?P<root>[A-Za-z0-9+/]{43}=)\nchain (?P<chain>[0-9a-f]{64})\n"
    r"postings (?P<posting_no>[0-9-]+) (?P<postings>[0-9a-f]{64})\nschema [^\n\r]*\nprogram [^\n\r]*\nat (?P<at>[0-9-]+)\n"
)


def read_checkpoint(text):
    """The fields of a checkpoint's text, or None."""
    fields = CHECKPOINT.fullmatch(text)
    try:
        made = fields.groupdict()
        for name in ("size", "posting_no", "at"):
            made[name] = number(made[name])
        return {**made, "root": decode(made["root"]).hex()}
    except UNREADABLE:
        return None


def handing_over(origin, old, new):
    return f"{origin}\nkey\nfrom {old}\nto {new}\n"


def vouching(pinned, notes, origin):
    """The keys brought along, and those that they have handed over to, as far as that was noted outside."""
    keys = list(pinned)
    for note in notes:
        lines = note[0].split("\n")
        if len(lines) == 5 and lines[2].startswith("from ") and lines[3].startswith("to ") and note[0] == handing_over(origin, lines[2][5:], lines[3][3:]):
            old, new = read_key(lines[2][5:]), read_key(lines[3][3:])
            if old in keys and new and new not in keys and signed_by(note, old) and signed_by(note, new):
                keys.append(new)
    return keys


LOST = re.compile(r"(.*)\nrestore\nkept_to ([0-9-]+)\nlost_to ([0-9-]+)\nuntil ([0-9-]+)\n")


def read_lost(text, origin, events):
    """What somebody accepted as gone: (the last event kept, the last one lost, when its newest checkpoint was made), or None."""
    fields = LOST.fullmatch(text)
    try:
        kept, lost, until = map(number, fields.groups()[1:])
    except UNREADABLE:
        return None
    return (kept, lost, until) if fields[1] == origin and 0 <= kept < events and kept < lost else None


ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def read_posting(text):
    """The id in `pst_…`, as a ledger line writes it."""
    value = 0
    for letter in text[4:]:
        value = value * 32 + ALPHABET.index(letter)
    if text[:4] != "pst_" or len(text) != 30 or value >= 2**128:
        raise ValueError(f"{text!r} is no posting")
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


class Broken(Exception):
    """At which event, and why."""


def sha(data):
    return hashlib.sha256(data).digest()


class Trail:
    def __init__(self, pinned, sizes, posting_marks):
        self.pinned, self.keys, self.lost, self.sizes, self.posting_marks = pinned, [], [], sizes, posting_marks
        self.origin, self.log, self.whole, self.marks, self.peaks_at = None, None, None, {}, {}
        self.seq, self.chain, self.peaks, self.tails = 0, bytes(32), [], [[0, 0, None, None]]
        self.agreed, self.signed, self.newest = 0, None, 0
        self.posting_no, self.digest, self.at_posting = 0, bytes(32), {0: bytes(32).hex()}
        self.named, self.money, self.budgets = {}, {}, set()

    def begin(self, line, notes):
        if self.log is not None or line["version"] != "1" or not isinstance(line["whole"], bool):
            raise ValueError("it begins twice, or as no export does")
        self.origin, self.log, self.whole, self.head = line["origin"], bytes.fromhex(line["log_id"]), line["whole"], line
        if self.origin != "counterfoil/" + self.log.hex():
            raise ValueError("its origin is not its own")
        made = [(note, read_checkpoint(note[0])) for note in notes]
        self.anchors = sorted([pair for pair in made if pair[1] and pair[1]["origin"] == self.origin], key=lambda pair: (pair[1]["size"], pair[1]["at"]))
        self.marks = dict.fromkeys(self.sizes | {one["size"] for _, one in self.anchors})

    def root(self):
        if not self.peaks:
            return sha(b"")
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = sha(b"\x01" + peak + root)
        return root

    def event(self, line):
        seq, whole = number(line["seq"]), self.whole
        if (whole and seq != self.seq + 1) or seq <= self.seq:
            raise Broken(self.seq + 1 if seq > self.seq else seq, "it is missing, or another stands in its place")
        raw = line["body"].encode() if "body" in line else decode(line["body_base64"])
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
            body = parse(raw.decode())
            sealed = [body["id"], body["at"], body["actor"]["kind"], body["actor"]["id"], body["action"]]
            sealed += [body["object"]["kind"], body["object"]["id"], body["region"]]
        except UNREADABLE:
            raise Broken(seq, "its body cannot be read") from None
        columns = [line["id"], line["at"], line["actor_kind"], line["actor_id"] or "", line["action"]]
        if sealed != columns + [line["object_kind"], line["object_id"], line["region"]]:
            raise Broken(seq, "a column says something else than its body")
        if self.seq in self.sizes:
            self.tails.append([self.seq, 0, None, None])
        tail, at = self.tails[-1], number(line["at"])
        tail[1:] = [tail[1] + 1, at if tail[2] is None else min(tail[2], at), at if tail[3] is None else max(tail[3], at)]
        self.seq, size = seq, seq - 1
        while size & 1 and self.peaks:
            leaf, size = sha(b"\x01" + self.peaks.pop() + leaf), size >> 1
        self.peaks.append(leaf)
        detail = body.get("detail") if isinstance(body.get("detail"), dict) else {}
        if line["object_kind"] == "audit":
            self.told(seq, body["action"], lambda name: detail.get(name) if isinstance(detail.get(name), str) else "")
        if line["object_kind"] == "budget" and isinstance(detail.get("posting"), str) and isinstance(detail.get("amount"), str):
            self.named_by(seq, detail["posting"], detail["amount"])
        if seq in self.marks:
            self.marks[seq] = (self.root().hex(), self.chain.hex())
            self.peaks_at[seq] = b"".join(self.peaks).hex() if seq in self.sizes else ""

    def told(self, seq, action, word):
        """What the trail says of its keys, and of what was lost by a restore: signed, or it says nothing."""
        before = self.keys[-1] if self.keys else None
        note = read_note(word("note"))
        if action == "audit.restore_accepted":
            lost = read_lost(note[0], self.origin, seq) if note and before and signed_by(note, before[0]) else None
            self.lost += [(*lost, before[2])] if lost else []
        if action not in ("audit.key_begun", "audit.key_rotated", "audit.key_replaced"):
            return
        text, old = (word("key"), "") if action == "audit.key_begun" else (word("to"), word("from"))
        key = read_key(text)
        if not key or key[0] != self.origin or old != (before[1] if before else ""):
            raise Broken(seq, "it names a key that does not belong here")
        trusted = key in self.pinned
        if action == "audit.key_rotated":
            signed = note and note[0] == handing_over(self.origin, old, text) and before
            if not signed or not signed_by(note, key) or not signed_by(note, before[0]):
                raise Broken(seq, "the new key is not signed by itself and by the one before")
            trusted = trusted or before[2]
        self.keys.append((key, text, trusted, seq))

    def named_by(self, seq, posting, amount):
        try:
            ident, amount = read_posting(posting), number(amount)
        except UNREADABLE:
            raise Broken(seq, "it names a posting that cannot be read") from None
        if self.named.setdefault(ident, amount) != amount:
            raise Broken(seq, "it says another amount of its posting than the event before it")

    def checkpoint(self, line):
        size, note = number(line["size"]), read_note(line["note"])
        made = note and read_checkpoint(note[0])
        key = next((key for key in reversed(self.keys) if key[3] <= size), None)
        if not made or made["origin"] != self.origin or not key or line["public_key"] != key[1] or not signed_by(note, key[0]):
            raise Broken(size, "the checkpoint there is not signed with the trail's key")
        if any(str(made[name]) != line[name] for name in ("size", "at", "root", "chain", "posting_no", "postings")):
            raise Broken(size, "the checkpoint there says something else than its note")
        if size > self.seq:
            raise Broken(self.seq + 1, f"a checkpoint covers {size} events: the end was cut off")
        if self.marks.get(size) != (made["root"], made["chain"]) or size <= self.newest:
            raise Broken(self.agreed + 1, f"something up to event {size} is not what was signed, and was chained afresh")
        if line["peaks"] != self.peaks_at[size]:
            raise Broken(size, "the checkpoint there has other peaks than its tree")
        if self.at_posting.get(made["posting_no"]) != made["postings"]:
            raise Broken(size, "the postings up to there are not those that were signed")
        if key[2]:
            self.signed = (size, made["at"])
        self.agreed = self.newest = size

    def posting(self, fields):
        no, counted, amount = number(fields[0]), fields[5], number(fields[7])
        if len(fields) != 28 or no <= self.posting_no:
            raise Broken(self.seq, "there is a posting before the first, or out of its order")
        parts = [b"\xff" * 4 if field is None else struct.pack(">I", len(field.encode())) + field.encode() for field in fields]
        self.posting_no, self.digest = no, sha(b"\x03" + self.digest + b"".join(parts))
        if no in self.posting_marks:
            self.at_posting[no] = self.digest.hex()
        if self.named.pop(fields[1], None) != amount:
            raise Broken(self.seq, f"no event tells of posting {fields[1]!r}, or of another amount")
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
        said, held = [number(figure) for figure in line["figures"]], self.money.get(line["id"], [0] * 6)
        if line["id"] in self.budgets or said != held[:5] or said[0] + said[1] + said[2] - said[3] - said[4] != held[5]:
            raise Broken(self.seq, f"the figures of budget {line['id']!r} are not the sum of its postings")
        self.budgets.add(line["id"])

    def end(self, line):
        """What is seen only with all of it in view: its end, its keys, the ledger."""
        if (number(self.head["events"]), self.head["chain"]) != (self.seq, self.chain.hex()):
            raise Broken(self.seq + 1, "the head of the trail says something else")
        if line["public_key"] != (self.keys[-1][1] if self.keys else ""):
            raise Broken(self.seq, "the key in use is not the one that the trail names")
        if self.keys and self.pinned and not any(key[2] for key in self.keys):
            raise Broken(self.keys[0][3], "it is signed with another key than the one that was given")
        if self.named:
            raise Broken(self.seq, "a posting is gone, and an event tells of it")
        if not self.budgets.issuperset(self.money):
            raise Broken(self.seq, "there are postings of a budget that is not there")

    def compare(self, notes):
        """The newest anchor that agrees, and how many contradict the trail without a known key's signature."""
        trusted = vouching(self.pinned, notes, self.origin) + [key[0] for key in self.keys if key[2]]
        anchored, strangers, agreed = None, 0, []
        for note, made in self.anchors:
            size, at = made["size"], made["at"]
            if self.marks.get(size) == (made["root"], made["chain"]):
                agreed.append((note, size, at))
            elif any(ok and kept < size <= lost and at <= until for kept, lost, until, ok in self.lost):
                continue
            elif not any(signed_by(note, key) for key in trusted):
                strangers += 1
            elif size > self.seq:
                raise Broken(self.seq + 1, f"{size} events were anchored: an older database was put back, or the end was cut off")
            else:
                before = next((size for note, size, _ in reversed(agreed) if any(signed_by(note, key) for key in trusted)), 0)
                raise Broken(before + 1, f"something up to event {size} is not what was anchored")
        anchored = next((one[1:] for one in reversed(agreed) if any(signed_by(one[0], key) for key in trusted)), None)
        return anchored, strangers

    def lacking(self, anchored, strangers):
        """What is missing for a proof, where nothing is wrong; nothing where nothing is missing."""
        tail = [one for one in self.tails if one[1] and self.signed and one[0] >= self.signed[0]]
        events, times = sum(one[1] for one in tail), [at for one in tail for at in one[2:]]
        if not self.keys:
            return "nothing of it is signed"
        if not self.pinned:
            return "no public key was given (--public-key)"
        if not self.signed:
            return "nothing is signed by the key that was given"
        if self.newest > self.signed[0] or not self.keys[-1][2]:
            return f"after event {self.signed[0]} another key signs than the one that was given"
        if events > TAIL_EVENTS or (times and max(times) - min(times) > TAIL_TIME):
            return f"{events} events after event {self.signed[0]} are not signed"
        if strangers:
            return f"{strangers} anchors contradict it and were not counted: no key that was given, nor one that they handed over to, signed them"
        return "" if anchored else "no anchor was given or agrees (--anchors): nothing outside knows how long the trail is"


def lines_of(path):
    with open(path, encoding="utf-8") as lines:
        yield from (parse(line) for line in lines)


def verify(path, pinned, notes):
    """(verdict, why, facts). Reads the file twice, and holds little of it."""
    with open(path, encoding="utf-8") as lines:
        made = [parse(line) for line in lines if '"kind":"checkpoint"' in line]
    # Checkpoints stand behind what they cover: which events and which postings they end with.
    trail = Trail(pinned, {number(one["size"]) for one in made}, {number(one["posting_no"]) for one in made})
    ended, count = None, 0
    for line in lines_of(path):
        kind = line["kind"]
        if ended or (kind != "trail") == (trail.log is None):
            raise ValueError("its lines are not in the order of an export")
        if kind == "trail":
            trail.begin(line, notes)
        elif kind == "event":
            trail.event(line)
        elif kind == "posting":
            trail.posting(line["fields"])
        elif kind == "budget":
            trail.budget(line)
        elif kind == "checkpoint":
            if trail.whole:
                trail.checkpoint(line)
        elif kind == "end":
            ended = line
        else:
            raise ValueError(f"{kind!r} is no kind of line")
        count += 1
    if not ended or number(ended["lines"]) != count - 1:
        raise Broken(trail.seq + 1, "the file was cut off or put together")
    facts = {"events": trail.seq, "head": trail.chain.hex(), "signed": trail.signed, "anchored": None, "not_counted": 0, "lost": []}
    if not trail.whole:
        return "not proven", "the file holds a part of the trail: each event fits its own hash, and nothing shows that they are the portal's, or all", facts
    trail.end(ended)
    anchored, strangers = trail.compare(notes)
    facts.update(anchored=anchored, not_counted=strangers, lost=[one[:2] for one in trail.lost])
    why = trail.lacking(anchored, strangers)
    return "not proven" if why else "ok", why, facts


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
            pinned = [key for key in map(read_key, map(str.strip, lines)) if key]
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
    except UNREADABLE as fault:
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
        if facts["not_counted"]:
            print(f"{facts['not_counted']} anchors contradict the trail, and no known key has signed them")
        for kept, lost in facts["lost"]:
            print(f"events {kept + 1} to {lost} are gone: a restore was accepted")
    return {"ok": 0, "broken": 5, "not proven": 6}[verdict]


if __name__ == "__main__":
    sys.exit(main())
