//! The figures of several rounds.

/// One figure per round.
#[derive(Default)]
pub(crate) struct Spread(Vec<f64>);

impl Spread {
    pub(crate) fn push(&mut self, figure: f64) {
        let place = self.0.partition_point(|other| *other < figure);
        self.0.insert(place, figure);
    }

    /// Returns the median.
    pub(crate) fn median(&self) -> Option<f64> {
        let (low, high) = (self.0.get(self.0.len().checked_sub(1)? / 2)?, self.0.get(self.0.len() / 2)?);
        Some(f64::midpoint(*low, *high))
    }

    /// Formats the median, with the smallest and the largest figure.
    pub(crate) fn show(&self, form: impl Fn(f64) -> String) -> Option<String> {
        let (median, least, most) = (self.median()?, self.0.first()?, self.0.last()?);
        Some(format!("{} ({}..{})", form(median), form(*least), form(*most)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(figures: &[f64]) -> Spread {
        let mut spread = Spread::default();
        figures.iter().for_each(|figure| spread.push(*figure));
        spread
    }

    #[test]
    fn the_median_ignores_the_order() {
        assert_eq!(of(&[9.0, 1.0, 2.0]).median(), Some(2.0));
        assert_eq!(of(&[9.0, 1.0, 2.0, 4.0]).median(), Some(3.0));
        assert_eq!(of(&[]).median(), None);
    }

    #[test]
    fn the_extremes_are_shown() {
        assert_eq!(of(&[3.0, 1.0, 2.0]).show(|figure| format!("{figure:.1}")), Some("2.0 (1.0..3.0)".to_owned()));
    }
}
