//! What is known of Intel's NPUs by their platform, for drivers that do not say.
//!
//! Source: the device tables of Linux's intel_vpu driver and OpenVINO's NPU plugin, which takes 4 requests for
//! throughput on platform 3720 and 8 on later ones.

/// One generation of NPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Generation {
    /// `DEVICE_ARCHITECTURE`.
    pub(crate) platform: &'static str,
    pub(crate) product: &'static str,
    pub(crate) tiles: usize,
    /// Requests worth having at once for throughput; one is for latency.
    pub(crate) requests: usize,
}

/// Arrow Lake has the same platform as Meteor Lake. Some Lunar Lakes have a tile less.
const GENERATIONS: [Generation; 4] = [
    Generation { platform: "3720", product: "Meteor Lake or Arrow Lake", tiles: 2, requests: 4 },
    Generation { platform: "4000", product: "Lunar Lake", tiles: 6, requests: 8 },
    Generation { platform: "5010", product: "Panther Lake", tiles: 3, requests: 8 },
    Generation { platform: "5020", product: "Wildcat Lake", tiles: 1, requests: 8 },
];

/// The generation whose platform a device names; none for those that came later.
pub(crate) fn of_platform(architecture: &str) -> Option<Generation> {
    let name = architecture.trim();
    GENERATIONS.into_iter().find(|generation| generation.platform == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_five_products_are_known_by_their_platform() {
        let known = ["3720", "4000", "5010", "5020"].map(|name| of_platform(name).unwrap());
        assert_eq!(known.map(|generation| generation.tiles), [2, 6, 3, 1]);
        assert_eq!(known.map(|generation| generation.requests), [4, 8, 8, 8]);
        assert!(known[0].product.contains("Arrow Lake"));
    }

    #[test]
    fn a_later_one_is_not_guessed_at() {
        assert_eq!(of_platform("6000"), None);
        assert_eq!(of_platform(""), None);
    }
}
