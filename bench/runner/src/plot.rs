//! Plots as SVG, readable on light and dark pages.

mod axis;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::Outcome;
use axis::Axis;
pub(crate) use axis::Scale;

/// A plot of lines over a logarithmic x axis.
pub(crate) struct Plot<'a> {
    pub(crate) title: &'a str,
    pub(crate) x: &'a str,
    pub(crate) y: &'a str,
    pub(crate) scale: Scale,
    /// Labelled places on the x axis.
    pub(crate) ticks: Vec<(f64, String)>,
    pub(crate) lines: Vec<Line<'a>>,
}

/// A line with its name.
pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    pub(crate) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 676.0;
const TOP: f64 = 78.0;
const BOTTOM: f64 = 304.0;
/// Start of the legend, its margins, and the average width of a letter.
const LEGEND: f64 = 232.0;
const SIGN: f64 = 44.0;
const LETTER: f64 = 6.9;

/// The colours also differ in lightness, and are visible on light and dark pages.
const STYLE: &str = "\
text { font: 13px system-ui, sans-serif; fill: #40474f }
.title { font-size: 16px; font-weight: 600; fill: #1c2127 }
.grid { stroke: #dfe3e8 }
.line { fill: none; stroke-width: 2 }
.s0 { stroke: #1f6fd0; color: #1f6fd0 } .s1 { stroke: #c4570a; color: #c4570a } .s2 { stroke: #157f5b; color: #157f5b }
circle { fill: currentColor; stroke: none }
@media (prefers-color-scheme: dark) {
  text { fill: #b4bcc6 } .title { fill: #eef1f4 } .grid { stroke: #3a424c }
  .s0 { stroke: #6aaef7; color: #6aaef7 } .s1 { stroke: #f39a55; color: #f39a55 } .s2 { stroke: #56c99b; color: #56c99b }
}";

impl Plot<'_> {
    /// Writes the plot into the directory of plots, and returns Markdown that shows it.
    pub(crate) fn write(&self, name: &str) -> Outcome<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("plots");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("{name}.svg")), self.svg())?;
        Ok(format!("![{}](bench/plots/{name}.svg)\n", self.title))
    }

    fn svg(&self) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\">\n\
             <title>{0}</title>\n<style>\n{STYLE}\n</style>\n<text class=\"title\" x=\"16\" y=\"28\">{0}</text>\n",
            escaped(self.title)
        );
        let all = || self.lines.iter().flat_map(|line| &line.points);
        let x = Axis::over(Scale::Log, all().map(|point| point.0), LEFT..RIGHT);
        let y = Axis::with_round_ends(self.scale, all().map(|point| point.1), BOTTOM..TOP);
        self.draw_x(&mut svg, &x);
        self.draw_y(&mut svg, &y);
        let mut legend = LEGEND;
        for (number, line) in self.lines.iter().enumerate() {
            line.draw(&mut svg, number, legend, &x, &y);
            legend += SIGN + LETTER * line.name.chars().count() as f64;
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn draw_x(&self, svg: &mut String, axis: &Axis) {
        for (value, label) in &self.ticks {
            let at = axis.place(*value);
            put(svg, &format!("<path class=\"grid\" d=\"M{at:.1} {TOP}V{BOTTOM}\"/>"));
            text(svg, at, BOTTOM + 20.0, "middle", label);
        }
        text(svg, (LEFT + RIGHT) / 2.0, HEIGHT - 14.0, "middle", self.x);
    }

    fn draw_y(&self, svg: &mut String, axis: &Axis) {
        for value in axis.ticks() {
            let at = axis.place(value);
            put(svg, &format!("<path class=\"grid\" d=\"M{LEFT} {at:.1}H{RIGHT}\"/>"));
            text(svg, LEFT - 8.0, at + 4.0, "end", &short(value));
        }
        text(svg, 16.0, TOP - 14.0, "start", self.y);
    }
}

impl Line<'_> {
    fn draw(&self, svg: &mut String, number: usize, legend: f64, x: &Axis, y: &Axis) {
        let places: Vec<(f64, f64)> = self.points.iter().map(|(a, b)| (x.place(*a), y.place(*b))).collect();
        let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        put(svg, &format!("<g class=\"s{number}\">\n<path class=\"line\" d=\"M{}\"/>", path.join("L")));
        for (x, y) in places {
            put(svg, &format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>"));
        }
        self.name_it(svg, legend);
        put(svg, "</g>");
    }

    /// Writes the line's name to the right of the unit.
    fn name_it(&self, svg: &mut String, at: f64) {
        let y = TOP - 18.0;
        put(
            svg,
            &format!("<path class=\"line\" d=\"M{at} {y}h22\"/><circle cx=\"{}\" cy=\"{y}\" r=\"4\"/>", at + 11.0),
        );
        // The group's stroke applies to the line, not the text.
        put(svg, &format!("<text stroke=\"none\" x=\"{}\" y=\"{}\">{}</text>", at + 28.0, y + 4.0, escaped(self.name)));
    }
}

fn put(svg: &mut String, element: &str) {
    svg.push_str(element);
    svg.push('\n');
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, content: &str) {
    let content = escaped(content);
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{content}</text>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Formats a number with thousands separators and as few decimals as possible.
pub(crate) fn short(number: f64) -> String {
    if number.abs() < 1000.0 {
        let text = format!("{number:.3}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    crate::table::grouped(number.round() as i64).trim_start_matches('+').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot() -> Plot<'static> {
        Plot {
            title: "Cost & growth",
            x: "sessions",
            y: "ns",
            scale: Scale::Linear,
            ticks: vec![(1000.0, "1,000".into()), (1e6, "1,000,000".into())],
            lines: vec![
                Line { name: "read", points: vec![(1000.0, 900.0), (31_623.0, 950.0), (1e6, 1000.0)] },
                Line { name: "write", points: vec![(1000.0, 1800.0), (1e6, 1900.0)] },
            ],
        }
    }

    #[test]
    fn a_line_runs_through_its_points() {
        let svg = plot().svg();
        // From the left edge to the right edge, with the middle of the logarithms; 950 of 2,000 up.
        assert!(svg.contains("d=\"M84.0 202.3L380.0 196.7L676.0 191.0\""), "{svg}");
    }

    #[test]
    fn all_texts_are_there_and_escaped() {
        let svg = plot().svg();
        for text in [
            "<title>Cost &amp; growth</title>",
            ">sessions<",
            ">ns<",
            ">1,000,000<",
            ">2,000<",
            ">0<",
            ">read<",
            ">write<",
        ] {
            assert!(svg.contains(text), "{text} is not in {svg}");
        }
        assert!(svg.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn every_open_element_is_closed() {
        let svg = plot().svg();
        for element in ["svg", "g", "text", "title", "style"] {
            let opened = svg.matches(&format!("<{element} ")).count() + svg.matches(&format!("<{element}>")).count();
            assert_eq!(opened, svg.matches(&format!("</{element}>")).count(), "{element}");
        }
    }

    #[test]
    fn numbers_have_few_decimals() {
        let texts = [0.0, 0.25, 1.0, 12.5, 1000.0, 1_234_567.0].map(short);
        assert_eq!(texts, ["0", "0.25", "1", "12.5", "1,000", "1,234,567"]);
    }
}
