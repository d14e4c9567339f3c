//! Content negotiation: the weight of a media type in `Accept` (RFC 9110 §12.5.1).

/// The highest weight, in thousandths.
const FULL: u16 = 1_000;

/// The weight of a media type in thousandths: that of the most specific range that matches, full
/// where the caller sends no `Accept`, 0 where no range matches.
pub(super) fn weight(accept: &str, media_type: &str) -> u16 {
    if accept.trim().is_empty() {
        return FULL;
    }
    let kind = media_type.split('/').next().unwrap_or(media_type);
    let mut found = (0, 0);
    for (range, weight) in ranges(accept) {
        let specificity = match range {
            range if range.eq_ignore_ascii_case(media_type) => 3,
            range if is_all_of(range, kind) => 2,
            "*/*" => 1,
            _ => continue,
        };
        found = found.max((specificity, weight));
    }
    found.1
}

/// True if a header names a media type itself, with a weight above 0.
pub(super) fn names(accept: &str, media_type: &str) -> bool {
    ranges(accept).any(|(range, weight)| weight > 0 && range.eq_ignore_ascii_case(media_type))
}

/// The ranges of a header, each with its weight. A weight that does not read counts as full.
fn ranges(accept: &str) -> impl Iterator<Item = (&str, u16)> {
    accept.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let range = parts.next().filter(|range| !range.is_empty())?;
        let written =
            parts.find_map(|part| part.strip_prefix(['q', 'Q'])?.trim().strip_prefix('='));
        Some((range, written.map_or(FULL, parse_weight)))
    })
}

fn is_all_of(range: &str, kind: &str) -> bool {
    range.strip_suffix("/*").is_some_and(|range| range.eq_ignore_ascii_case(kind))
}

fn parse_weight(text: &str) -> u16 {
    match text.trim().parse::<f32>() {
        Ok(weight) if (0.0..=1.0).contains(&weight) => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "0 to 1000, and thousandths are the standard's precision"
            )]
            let thousandths = (weight * f32::from(FULL)).round() as u16;
            thousandths
        }
        _ => FULL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_the_most_specific_range_counts() {
        for (accept, media_type, expect) in [
            ("", "text/html", 1_000),
            ("text/html", "text/html", 1_000),
            ("text/html", "application/json", 0),
            ("*/*;q=0.1, text/*;q=0.2, Text/HTML ; Q=0.35", "text/html", 350),
            ("*/*;q=0.1, text/*;q=0.2", "text/html", 200),
            ("text/*;q=0.2, */*", "application/json", 1_000),
            ("application/json;q=0", "application/json", 0),
            ("*/*, application/json;q=0.0", "application/json", 0),
            ("application/json;charset=utf-8;q=0.5", "application/json", 500),
            ("application/json;q=high", "application/json", 1_000),
            ("application/json;q=7", "application/json", 1_000),
            (",;,", "application/json", 0),
        ] {
            assert_eq!(weight(accept, media_type), expect, "{accept:?} {media_type}");
        }
    }

    #[test]
    fn ok_only_a_name_is_a_name() {
        assert!(names("a/b, Text/Event-Stream;q=0.1", "text/event-stream"));
        for accept in ["", "*/*", "text/*", "text/event-stream;q=0", "text/event-stream;q=0.000"] {
            assert!(!names(accept, "text/event-stream"), "{accept:?}");
        }
    }
}
