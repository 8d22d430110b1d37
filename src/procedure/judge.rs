//! What the findings of the checks mean for a procedure: whether it may go on, and what was accepted
//! in advance.

use crate::preflight::{Finding, Severity};
use crate::report::{CliError, ErrorKind};

/// Fails if a check refuses. Otherwise returns the findings that were accepted in advance.
///
/// # Errors
/// When a check refuses.
pub fn judge(mut findings: Vec<Finding>, accepted: &[String]) -> Result<Vec<Finding>, CliError> {
    let of = |severity| findings.iter().filter(move |finding| finding.severity == severity);
    let refused = of(Severity::Refuse).count();
    if refused > 0 {
        let mut error =
            CliError::new(ErrorKind::Refused, format!("{refused} of the checks refused"));
        error.findings = findings.into();
        return Err(error.next("backout check", "see all of them again, after the remedy"));
    }
    for finding in &mut findings {
        finding.answered |= answered(finding, accepted);
    }
    Ok(findings)
}

fn answered(finding: &Finding, accepted: &[String]) -> bool {
    let yes = |name: &&str| accepted.iter().any(|accepted| accepted == name);
    finding.severity == Severity::Confirm && finding.names().iter().all(yes)
}
