//! Notes as people write them, no two the same: what lies on disk is packed, and must not be
//! flattered by repetition.
//!
//! Words are drawn as in English, the common ones most often, and put into sentences that mean
//! little. Having no grammar to exploit, they pack worse than what people say.

/// Common words, the most frequent first.
const WORDS: &str = "the to a it and i is of in that not was when on but then my for with after have \
    page be can this no from button again list had so if all out or there its save just which what \
    time nothing click screen form had to cannot see show back only field open error has first still \
    says order get would twice file customer old value new search did until one up wrong name how \
    wait date because data select who add loading changed total report import another price price \
    without find row empty left address same message delete menu filter upload too works number view \
    every later invoice account email lost does before other table went slow password copy export \
    column confirm than where wanted settings must reload project comment minutes window edit reset \
    nobody tab payment share detail entry way missing language right whole browser longer though \
    scroll instead keeps hidden default second jumps typed once checkout sort user fails discount \
    image currency between title expected always template disappeared code link format while rights \
    notification attachment suddenly step hour spinner preview colour country supplier shipping \
    version quantity phone keyboard tooltip stuck logged refund calendar mouse draft archive tax week \
    printed duplicate zoom warehouse approve folder cursor session contract delivery sidebar owner \
    dropdown greyed cart region timeout merged signature tablet barcode undo chart team history pdf \
    clipboard tooltip shortcut vanished unreadable mandatory truncated inconsistent undocumented";

/// Made of 6 to 24 words: 30 to 140 characters, 80 in the middle.
pub(crate) fn note(mut below: impl FnMut(u64) -> u64) -> String {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let many = words.len() as u64;
    let mut note = String::with_capacity(160);
    for nth in 0..6 + below(10) + below(10) {
        if nth != 0 {
            note.push(if below(12) == 0 { ',' } else { ' ' });
        }
        // The smallest of three: the first words most of all.
        let rank = below(many).min(below(many)).min(below(many));
        let word = words[usize::try_from(rank).unwrap_or(0)];
        if below(30) == 0 {
            note.push_str(&below(5000).to_string());
            note.push(' ');
        }
        note.push_str(word);
    }
    note
}
