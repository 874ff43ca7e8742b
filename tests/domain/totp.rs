//! Codes of an authenticator app, and recovery codes.

use counterfoil::domain::time::Instant;
use counterfoil::domain::totp::{address, code, folded_recovery_code, recovery_code, step, step_of, typed_secret};

const SECRET: &[u8] = b"12345678901234567890";

fn at(seconds: i64) -> Instant {
    Instant(seconds * 1_000_000)
}

#[test]
fn codes_are_those_of_rfc_6238() {
    // Appendix B, SHA-1; the last six of its eight digits.
    let vectors = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];
    for (seconds, right) in vectors {
        assert_eq!(code(SECRET, step(at(seconds))), right, "{seconds}");
    }
}

#[test]
fn a_code_lives_its_own_thirty_seconds_and_ten_for_slow_clocks() {
    let now = step(at(1_111_111_111));
    assert_eq!(step_of(SECRET, " 050 471 ", at(1_111_111_111)), Some(now));
    let early = now * 30;
    assert_eq!(step_of(SECRET, "050471", at(early - 1)), None, "not yet");
    assert_eq!(step_of(SECRET, "050471", at(early + 39)), Some(now));
    assert_eq!(step_of(SECRET, "050471", at(early + 40)), None, "no more");
    for wrong in ["", "50471", "0504710", "05047x", "０５０４７１"] {
        assert_eq!(step_of(SECRET, wrong, at(1_111_111_111)), None, "{wrong}");
    }
}

#[test]
fn secrets_are_written_as_apps_read_them() {
    assert_eq!(typed_secret(SECRET), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
    assert_eq!(
        address(SECRET, "Counterfoil A:B & Co", "ana@example.com"),
        "otpauth://totp/Counterfoil%20A%20B%20%26%20Co:ana%40example%2Ecom?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
         &issuer=Counterfoil%20A%20B%20%26%20Co&algorithm=SHA1&digits=6&period=30"
    );
}

#[test]
fn a_recovery_code_is_read_however_it_is_typed() {
    let made = recovery_code([0xff; 15]);
    assert_eq!(made, "zzzzzz-zzzzzz-zzzzzz-zzzzzz");
    let made = recovery_code([0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc]);
    let folded = folded_recovery_code(&made);
    assert_eq!((folded.len(), made.len()), (24, 27));
    assert_eq!(folded_recovery_code(&format!(" {} ", made.to_uppercase().replace('-', " "))), folded);
    assert_eq!(folded_recovery_code(&made.replace('0', "O").replace('1', "l")), folded);
}
