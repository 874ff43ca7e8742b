//! What the portal writes letters about.

use serde::{Deserialize, Serialize};

use super::access::codes;

codes! {
    /// What a letter is about. Its label begins the subject, which ends with "Counterfoil of" and the organisation.
    Letter {
        /// She was added, and chooses her first password.
        Invitation = "invitation", "You are invited to";
        /// She asked for a new password, or an administrator did.
        Reset = "reset", "Choose a new password for";
        /// Her password was changed.
        PasswordChanged = "password_changed", "Your password was changed for";
        /// A second factor was set up.
        SecondFactorOn = "second_factor_on", "A second factor was set up for";
        /// It was taken away.
        SecondFactorOff = "second_factor_off", "Your second factor was taken away for";
        /// She has new recovery codes.
        CodesMade = "codes_made", "You have new recovery codes for";
        /// Somebody signed in with a recovery code.
        CodeUsed = "code_used", "A recovery code was used for";
        /// Somebody knew the password, and not the code.
        CodeGuessed = "code_guessed", "Somebody may know your password for";
        /// A request waits, and she may decide on it.
        ApprovalWaits = "approval_waits", "A request waits for approval in";
        /// What she asked for is over.
        ApprovalDecided = "approval_decided", "Your request is decided in";
        /// A campaign was opened, and she is one of its reviewers.
        ReviewOpened = "review_opened", "Roles wait for your review in";
    }
}

impl Letter {
    /// Whether it holds a one-time link, which nothing else does. The others tell a person what was done or waits, and are worth nothing a week later.
    pub fn has_link(self) -> bool {
        matches!(self, Self::Invitation | Self::Reset)
    }
}
