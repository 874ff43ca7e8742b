//! A QR code as the path of an SVG: drawn here, so that no secret goes to somebody who draws it for us.

use qrcodegen::{QrCode, QrCodeEcc};

/// The blank margin that readers need, in modules (ISO/IEC 18004).
const MARGIN: i32 = 4;

/// The picture of a text: how wide and high it is, margin included, and the path of what is dark. `None` where the text is too long for one.
pub fn picture(text: &str) -> Option<(i32, String)> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let run = (x..code.size()).take_while(|x| code.get_module(*x, y)).count() as i32;
            if run > 0 {
                path.push_str(&format!("M{} {}h{run}v1h-{run}z", x + MARGIN, y + MARGIN));
            }
            x += run.max(1);
        }
    }
    Some((code.size() + 2 * MARGIN, path))
}
