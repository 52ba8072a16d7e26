//! The axes of a plot.

use std::ops::Range;

/// The scale of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Linear, from zero.
    Linear,
    Log,
}

/// A mapping from values to places in the plot.
pub(crate) struct Axis {
    scale: Scale,
    values: Range<f64>,
    places: Range<f64>,
}

impl Axis {
    /// Creates an axis that ends at the largest value.
    pub(crate) fn over(scale: Scale, values: impl Iterator<Item = f64>, places: Range<f64>) -> Self {
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            (least, most) = (least.min(value), most.max(value));
        }
        Self { scale, values: least..most, places }
    }

    /// Creates an axis that ends at a tick, so that no value is outside.
    pub(crate) fn with_round_ends(scale: Scale, values: impl Iterator<Item = f64>, places: Range<f64>) -> Self {
        let Self { scale, values: Range { start, end }, places } = Self::over(scale, values, places);
        let values = match scale {
            Scale::Linear => 0.0..(end / step(end)).ceil() * step(end),
            Scale::Log => 10_f64.powf(start.log10().floor())..10_f64.powf(end.log10().ceil()),
        };
        Self { scale, values, places }
    }

    pub(crate) fn place(&self, value: f64) -> f64 {
        let (start, end, value) = match self.scale {
            Scale::Linear => (self.values.start, self.values.end, value),
            Scale::Log => (self.values.start.ln(), self.values.end.ln(), value.ln()),
        };
        let part = if end > start { (value - start) / (end - start) } else { 0.0 };
        self.places.start + part * (self.places.end - self.places.start)
    }

    /// Returns the round values between the ends.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        let Range { start, end } = self.values;
        match self.scale {
            Scale::Linear => {
                let count = (end / step(end)).round() as i32;
                (0..=count).map(|number| f64::from(number) * step(end)).collect()
            }
            Scale::Log => {
                let (first, last) = (start.log10().round() as i32, end.log10().round() as i32);
                (first..=last).map(|power| 10_f64.powi(power)).collect()
            }
        }
    }
}

/// Returns the distance of ticks, 1, 2 or 5 times a power of ten, for three to six ticks.
fn step(end: f64) -> f64 {
    let rough = end / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough * 0.999).unwrap_or(10.0);
    factor * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_factors_are_equal_logarithmic_distances() {
        let axis = Axis::over(Scale::Log, [1.0, 10_000.0].into_iter(), 0.0..400.0);
        for (value, place) in [(1.0, 0.0), (10.0, 100.0), (100.0, 200.0), (10_000.0, 400.0)] {
            assert!((axis.place(value) - place).abs() < 1e-9, "{value}");
        }
    }

    #[test]
    fn ticks_are_round_and_hold_all_values() {
        for (most, expected) in [
            (1900.0, vec![0.0, 500.0, 1000.0, 1500.0, 2000.0]),
            (1.02, vec![0.0, 0.5, 1.0, 1.5]),
            (100.0, vec![0.0, 20.0, 40.0, 60.0, 80.0, 100.0]),
        ] {
            let axis = Axis::with_round_ends(Scale::Linear, [most / 2.0, most].into_iter(), 0.0..1.0);
            assert_eq!(axis.ticks(), expected);
        }
    }

    #[test]
    fn a_logarithmic_axis_has_a_tick_for_each_power_of_ten() {
        let axis = Axis::with_round_ends(Scale::Log, [30.0, 4000.0].into_iter(), 0.0..3.0);
        assert_eq!(axis.ticks(), [10.0, 100.0, 1000.0, 10_000.0]);
        assert_eq!(axis.place(10.0), 0.0);
    }

    #[test]
    fn a_single_value_has_a_place() {
        let axis = Axis::over(Scale::Log, [7.0].into_iter(), 5.0..9.0);
        assert_eq!(axis.place(7.0), 5.0);
    }
}
