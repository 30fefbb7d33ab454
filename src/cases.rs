//! How many inputs a property is tried on.

use proptest::prelude::ProptestConfig;

/// What `PROPTEST_CASES` says where nobody says it.
const USUALLY: u64 = 256;

/// So many cases of a property that takes its time, and as many times more, or fewer, as
/// `PROPTEST_CASES` asks of those that are quick.
pub(crate) fn cases(usual: u32) -> ProptestConfig {
    let asked = ProptestConfig::default();
    let cases = u64::from(usual) * u64::from(asked.cases) / USUALLY;
    ProptestConfig { cases: u32::try_from(cases).unwrap_or(u32::MAX).max(1), ..asked }
}
