//! The arithmetic of the results.

/// The geometric mean; none of nothing.
pub fn geomean(ratios: &[f64]) -> Option<f64> {
    let logs: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    (!ratios.is_empty()).then(|| (logs / ratios.len() as f64).exp())
}

/// The one in the middle, or half way between the two in the middle; none of nothing.
pub fn median(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let high = *sorted.get(middle)?;
    Some(if sorted.len() % 2 == 1 { high } else { (sorted[middle - 1] + high) / 2.0 })
}

/// What an allocator takes for some workloads, as ratios to std's default. Workloads that fail have no ratio.
pub struct Ratios {
    ratios: Vec<f64>,
    failed: usize,
}

impl FromIterator<Option<f64>> for Ratios {
    fn from_iter<I: IntoIterator<Item = Option<f64>>>(ratios: I) -> Self {
        let all: Vec<Option<f64>> = ratios.into_iter().collect();
        let ratios: Vec<f64> = all.iter().copied().flatten().collect();
        Self { failed: all.len() - ratios.len(), ratios }
    }
}

impl Ratios {
    /// How many workloads fail.
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// The geometric mean of those that don't fail.
    pub fn mean(&self) -> Option<f64> {
        geomean(&self.ratios)
    }

    /// The same for a table, which has to say what is left out.
    pub fn mean_text(&self, decimals: usize) -> String {
        self.text(self.mean(), decimals)
    }

    /// The largest ratio, for a table.
    pub fn worst_text(&self, decimals: usize) -> String {
        self.text(self.ratios.iter().copied().reduce(f64::max), decimals)
    }

    fn text(&self, value: Option<f64>, decimals: usize) -> String {
        let value = value.map_or("-".into(), |value| format!("{value:.decimals$}"));
        if self.failed == 0 { value } else { format!("{value} ({} failed)", self.failed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() < 1e-12)
    }

    #[test]
    fn geometric_means() {
        assert_eq!(geomean(&[]), None);
        assert!(near(geomean(&[0.7]), 0.7));
        assert!(near(geomean(&[0.5, 2.0]), 1.0));
        assert!(near(geomean(&[1.0, 2.0, 4.0]), 2.0));
    }

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[4.0, 1.0]), Some(2.5));
        // Sorted as numbers, not as text.
        assert_eq!(median(&[10.0, 9.0, 100.0]), Some(10.0));
        assert_eq!(median(&[1.0, 100.0, 3.0, 2.0]), Some(2.5));
    }

    #[test]
    fn failures_are_left_out_and_told() {
        let all: Ratios = [Some(0.5), Some(2.0)].into_iter().collect();
        assert_eq!((all.mean_text(2), all.worst_text(2)), ("1.00".into(), "2.00".into()));
        let some: Ratios = [Some(0.5), None, Some(2.0), None].into_iter().collect();
        assert_eq!(some.failed(), 2);
        assert_eq!(some.mean_text(3), "1.000 (2 failed)");
        assert_eq!(some.worst_text(1), "2.0 (2 failed)");
        let none: Ratios = [None, None].into_iter().collect();
        assert_eq!((none.mean(), none.mean_text(2)), (None, "- (2 failed)".into()));
        let nothing: Ratios = [].into_iter().collect();
        assert_eq!(nothing.worst_text(2), "-");
    }
}
