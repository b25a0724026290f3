//! The steps of one check as a tree of lines

use sekisho_core::step::{Check, Step};

use super::account::tone;
use super::desk::Layout;
use crate::cli::StepsShown;
use crate::speech::Talk;
use crate::terminal::{Tone, width, wrap};

/// Deeper steps are drawn no deeper than this: includes nest up to ten times.
const DEPTH_MAX: usize = 12;
/// How wide the column with the sections is, its distance included: `RFC 9989 §4.10.1`.
const SECTION_COLUMNS: usize = 18;
/// How far the tree stands from the margin.
const INDENT: usize = 4;

/// Draws the steps of one check.
pub(super) fn draw(steps: &[&Step], shown: StepsShown, talk: &Talk, layout: Layout) -> String {
    let steps: Vec<&Step> = match shown {
        StepsShown::None => return String::new(),
        StepsShown::All => steps.to_vec(),
        StepsShown::Failed => match steps.first().map(|step| step.check) {
            // What is odd about the author lies below what is fine about it; the steps of a signature are few.
            Some(Check::Author | Check::Dkim) => steps.to_vec(),
            _ => decisive(steps),
        },
    };
    let depths = depths(&steps);
    let mut text = String::new();
    for (index, step) in steps.iter().enumerate() {
        let after = depths.get(index + 1..).unwrap_or_default();
        let depth = depths.get(index).copied().unwrap_or_default();
        draw_step(step, depth, after, talk, layout, &mut text);
    }
    text
}

/// Leaves out the side paths: what lies below a step that went on in peace.
///
/// A step stays where it led to something other than a pass, where one below it stays, or where it lies on top and is no
/// mere heading of what was left out.
fn decisive<'a>(steps: &[&'a Step]) -> Vec<&'a Step> {
    let led = |step: &Step| step.result.is_some_and(|result| result != "pass");
    let mut kept = Vec::new();
    // The depth that the next step upwards must lie above to be an ancestor of one that stays.
    let mut ancestor_below = 0;
    let mut is_followed_by_deeper = false;
    for step in steps.iter().rev() {
        let is_ancestor = step.depth < ancestor_below;
        let is_bare_heading = is_followed_by_deeper && step.result.is_none();
        is_followed_by_deeper = step.depth > 0;
        if led(step) || is_ancestor || (step.depth == 0 && !is_bare_heading) {
            ancestor_below = if is_ancestor || led(step) { step.depth } else { 0 };
            kept.push(*step);
        }
    }
    kept.reverse();
    kept
}

/// Returns how deep each step is drawn: never more than one deeper than the one before.
fn depths(steps: &[&Step]) -> Vec<usize> {
    let mut before = None;
    steps
        .iter()
        .map(|step| {
            let deepest = before.map_or(0, |before: usize| before + 1).min(DEPTH_MAX);
            let depth = usize::from(step.depth).min(deepest);
            before = Some(depth);
            depth
        })
        .collect()
}

/// Tells whether another step follows at `depth` before the branch ends.
fn goes_on(depth: usize, after: &[usize]) -> bool {
    after.iter().take_while(|&&next| next >= depth).any(|&next| next == depth)
}

/// Draws one step: its branch, its sentence, what it led to, and on the right where that is written.
fn draw_step(step: &Step, depth: usize, after: &[usize], talk: &Talk, layout: Layout, text: &mut String) {
    let trunk: String = (0..depth).map(|above| if goes_on(above, after) { "│ " } else { "  " }).collect();
    let (branch, below) = if goes_on(depth, after) { ("├ ", "│ ") } else { ("└ ", "  ") };
    let mut pieces = vec![(Tone::Plain, talk.step(step))];
    if let Some(result) = step.result {
        // The arrow and the word stay in one line.
        pieces.push((tone(result), format!(" →\u{a0}{result}")));
    }
    let section = step.rule.section;
    let room = layout.width.saturating_sub(INDENT + width(&trunk) + 2);
    // A section that is longer than its column takes from the sentence.
    let column = room.saturating_sub(SECTION_COLUMNS.max(width(section) + 2));
    for (index, (line, used)) in wrap(&pieces, column, layout.paint).iter().enumerate() {
        let stem = format!("{}{trunk}{}", " ".repeat(INDENT), if index == 0 { branch } else { below });
        text.push_str(&layout.paint.tone(Tone::Dim, &stem));
        text.push_str(line);
        if index == 0 {
            text.push_str(&" ".repeat((column + 2).saturating_sub(*used)));
            text.push_str(&layout.paint.tone(Tone::Dim, section));
        }
        text.push('\n');
    }
}
