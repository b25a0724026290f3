//! Charts: drawn as SVG, coloured by the stylesheet
//!
//! The library knows colours only as numbers; each number here is a name that `assets/desk.css` gives a colour by day and by
//! night. A chart has a title for those who do not see it, and stands beside a table with the same numbers. It is drawn twice, for
//! wide windows and for narrow ones, of which the stylesheet shows one: letters shrink with the drawing that they are in.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::prelude::*;

/// Words and lines.
const INK: RGBColor = RGBColor(1, 1, 1);
/// What passes.
const PASS: RGBColor = RGBColor(2, 2, 2);
/// What fails.
const FAIL: RGBColor = RGBColor(3, 3, 3);
/// What is neither.
const OTHER: RGBColor = RGBColor(5, 5, 5);
/// A drawing of a chart.
struct Drawing {
    /// The class by which the stylesheet shows it.
    class: &'static str,
    /// How wide and high it is, in its own units.
    size: (u32, u32),
    /// How high letters are.
    letters: u32,
    /// How much room the numbers beside the axis have.
    numbers: u32,
    /// How much room there is behind the last bar, for the half of its name that reaches over it.
    behind: u32,
    /// How many names stand below it at most.
    names: usize,
}

/// For wide windows, and for phones.
const DRAWINGS: [Drawing; 2] = [
    Drawing { class: "wide", size: (1100, 220), letters: 16, numbers: 64, behind: 4, names: 12 },
    Drawing { class: "narrow", size: (420, 260), letters: 20, numbers: 68, behind: 28, names: 5 },
];

/// The highest bar that is drawn: reports may claim any number, and the library's own would overflow.
const MOST: u64 = 1_000_000_000_000_000;

/// A span of time in a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    /// What it is called below the axis.
    pub(super) name: String,
    /// How many pass.
    pub(super) pass: u64,
    /// How many fail.
    pub(super) fail: u64,
    /// How many do neither.
    pub(super) other: u64,
}

impl Bar {
    /// Returns how many there are.
    pub(super) fn all(&self) -> u64 {
        self.pass.saturating_add(self.fail).saturating_add(self.other)
    }
}

/// Draws spans of time as bars: what passes below, what fails on it, the rest on top.
pub(super) fn bars(title: &str, unit: &str, bars: &[Bar]) -> String {
    DRAWINGS.iter().map(|drawing| drawing.bars(title, unit, bars)).collect()
}

impl Drawing {
    /// Draws spans of time as bars.
    fn bars(&self, title: &str, unit: &str, bars: &[Bar]) -> String {
        let mut svg = String::new();
        let drawn = self.draw(&mut svg, unit, bars);
        if let Err(why) = drawn {
            tracing::error!(error = %why, "a chart cannot be drawn");
            return String::new();
        }
        // Words of ours, and numbers: still nothing goes into a page unescaped.
        let title = title.replace('&', "&amp;").replace('<', "&lt;");
        let start = format!("<svg role=\"img\" class=\"{}\" ", self.class);
        svg.replacen("<svg ", &start, 1).replacen(">\n", &format!(">\n<title>{title}</title>\n"), 1)
    }

    /// Draws them.
    fn draw(&self, svg: &mut String, unit: &str, bars: &[Bar]) -> Result<(), String> {
        let area: DrawingArea<_, Shift> = SVGBackend::with_string(svg, self.size).into_drawing_area();
        let highest = bars.iter().map(Bar::all).max().unwrap_or(0).clamp(1, MOST);
        let columns = u32::try_from(bars.len()).unwrap_or(u32::MAX).max(1);
        // The library's ranges end with their end; one of a single column has no width there.
        let last = columns.saturating_sub(1).max(1);
        // Many bars stand close.
        let gap = (self.size.0 / columns / 6).min(2);
        let words = ("sans-serif", self.letters).into_font().color(&INK);
        let mut chart = ChartBuilder::on(&area)
            .margin(4)
            .margin_right(self.behind)
            .x_label_area_size(self.letters + 10)
            .y_label_area_size(self.numbers)
            .build_cartesian_2d((0..last).into_segmented(), 0..highest)
            .map_err(|why| why.to_string())?;
        let name = |at: &SegmentValue<u32>| match at {
            SegmentValue::CenterOf(at) | SegmentValue::Exact(at) => {
                let at = usize::try_from(*at).unwrap_or(usize::MAX);
                bars.get(at).map(|bar| bar.name.clone()).unwrap_or_default()
            }
            SegmentValue::Last => String::new(),
        };
        let count = |count: &u64| super::shown::number(*count);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(INK)
            .axis_style(INK)
            // The library looks for ever for the places of no labels.
            .x_labels(bars.len().clamp(1, self.names))
            .y_labels(4)
            .y_desc(unit)
            .label_style(words.clone())
            .axis_desc_style(words)
            .x_label_formatter(&name)
            .y_label_formatter(&count)
            .draw()
            .map_err(|why| why.to_string())?;
        for (at, bar) in (0..columns).zip(bars) {
            let (pass, fail) = (bar.pass.min(MOST), bar.pass.saturating_add(bar.fail).min(MOST));
            for (range, colour) in [(0..pass, PASS), (pass..fail, FAIL), (fail..bar.all().min(MOST), OTHER)] {
                chart.draw_series(block((at, last), &range, colour, gap)).map_err(|why| why.to_string())?;
            }
        }
        area.present().map_err(|why| why.to_string())?;
        Ok(())
    }
}

/// Returns a part of a bar; nothing where it has no height.
fn block(
    (at, last): (u32, u32),
    range: &Range<u64>,
    colour: RGBColor,
    gap: u32,
) -> Option<Rectangle<(SegmentValue<u32>, u64)>> {
    (!range.is_empty()).then(|| {
        let to = if at == last { SegmentValue::Last } else { SegmentValue::Exact(at + 1) };
        let from = SegmentValue::Exact(at);
        let mut block = Rectangle::new([(from, range.start), (to, range.end)], colour.filled());
        block.set_margin(0, 0, gap, gap);
        block
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_a_title_and_names_colours_only_by_number() {
        let bar = |name: &str, pass, fail, other| Bar { name: name.to_owned(), pass, fail, other };
        let svg =
            bars("Mails <by> hour", "mails", &[bar("00:00", 3, 1, 0), bar("01:00", 0, 0, 0), bar("02:00", 0, 0, 9)]);
        assert!(svg.contains("role=\"img\"") && svg.contains("<title>Mails &lt;by> hour</title>"), "{svg}");
        for name in ["#020202", "#030303", "#050505"] {
            assert!(svg.contains(name), "{name}: {svg}");
        }
        let unnamed =
            svg.split('#').skip(1).filter(|colour| !colour.starts_with('0') || colour.get(..6) == Some("000000"));
        assert_eq!(unnamed.count(), 0, "{svg}");
        assert!(!svg.contains("style=") && !svg.contains("NaN"), "{svg}");
        assert!(bars("none", "mails", &[]).starts_with("<svg"));
        // Once for wide windows, and once for narrow ones, in which each bar of three months still has a width.
        let days: Vec<Bar> = (0..90).map(|day| bar(&format!("{day}"), day, 1, 0)).collect();
        let svg = bars("days", "mails", &days);
        assert!(svg.matches("class=\"wide\"").count() == 1 && svg.matches("class=\"narrow\"").count() == 1);
        for drawing in svg.split("<svg ").skip(1) {
            let widths: Vec<u32> = drawing
                .split("<rect ")
                .skip(1)
                .filter_map(|rect| rect.split_once("width=\"")?.1.split('"').next()?.parse().ok())
                .collect();
            assert!(widths.len() >= 179 && widths.iter().all(|width| *width > 0), "{widths:?}");
        }
        // The last bar ends where the axis does.
        let ends = |rect: &str| {
            let of = |name: &str| rect.split_once(name)?.1.split('"').next()?.parse::<u32>().ok();
            Some(of(" x=\"")? + of("width=\"")?)
        };
        let wide = svg.split("<svg ").nth(1).unwrap();
        assert!(wide.split("<rect").filter_map(ends).max().unwrap() >= 1090, "{wide}");
        assert!(bars("all", "mails", &[bar("00:00", u64::MAX, u64::MAX, 1)]).contains("#020202"));
    }
}
