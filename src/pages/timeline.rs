//! The readings of the odometer: a table for everybody, and a line that draws it for those who see.

use serde_json::{Map, Value};

use super::context::ViewContext;
use super::facet::{Line, Table, TableRow};
use super::label;
use super::value_text::{format_value, quantity};
use crate::market::{FacetName, Kind, Shape, shape};

/// The picture's size in its own units.
const WIDTH: i64 = 600;
/// Its height; the line keeps away from the edges.
const HEIGHT: i64 = 96;
const MARGIN: i64 = 8;
/// Points of the line at the most.
const MAX_POINTS: usize = 200;
/// The largest decrease that rounding alone explains, as in the verdict.
const ROUNDING_KM: f64 = 1.0;

/// The table of the readings, oldest first.
pub fn table(context: &ViewContext<'_>, items: &[Value]) -> Table {
    let t = context.frame.t;
    let Shape::List { element, .. } = shape(FacetName::Mileage) else { return Table::default() };
    let mut highest = 0.0_f64;
    let mut rows = Vec::new();
    for item in items.iter().filter_map(Value::as_object) {
        let cells =
            element.iter().map(|field| cell(context, field.kind, field.name, item)).collect();
        // A reading without a distance is neither lower nor higher.
        let km = reading(item).map(|(_, km)| km);
        let is_lower = km.is_some_and(|km| km + ROUNDING_KM < highest);
        highest = km.map_or(highest, |km| highest.max(km));
        rows.push(TableRow { cells, badge: is_lower.then(|| t.mileage_lower()) });
    }
    let head = element
        .iter()
        .map(|field| label::field_name(t, FacetName::Mileage.as_str(), field.name))
        .collect();
    Table { head, rows, line: line(items) }
}

fn cell(
    context: &ViewContext<'_>,
    kind: Kind,
    field: &str,
    item: &Map<String, Value>,
) -> Option<String> {
    format_value(context, kind, field, item.get(field)?)
}

/// Day and kilometres of a reading. The day as a number that grows like days do: pictures need no
/// calendar.
fn reading(item: &Map<String, Value>) -> Option<(i64, f64)> {
    let mut parts = item.get("read_on")?.as_str()?.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let (km, _) = quantity(item.get("distance")?.as_object()?)?;
    Some((year * 372 + month * 31 + day, km))
}

/// The readings as a line from left to right, from no distance at the foot. Nothing where there is
/// no way to draw one.
fn line(items: &[Value]) -> Option<Line> {
    let step = items.len() / MAX_POINTS + 1;
    let points: Vec<(i64, f64)> =
        items.iter().step_by(step).filter_map(|item| reading(item.as_object()?)).collect();
    let (first, last) = (points.first()?.0, points.last()?.0);
    let highest = points.iter().fold(0.0_f64, |highest, (_, km)| highest.max(*km));
    if first >= last || highest <= 0.0 {
        return None;
    }
    let place = |(day, km): &(i64, f64)| {
        let x = MARGIN + (day - first) * (WIDTH - 2 * MARGIN) / (last - first);
        #[expect(clippy::cast_possible_truncation, reason = "a part of the picture's height")]
        let up = (km / highest * 80.0) as i64;
        (x, HEIGHT - MARGIN - up)
    };
    Some(Line { points: points.iter().map(place).collect() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn items(readings: &[(&str, i64)]) -> Vec<Value> {
        let item = |(day, km): &(&str, i64)| json!({"read_on": day, "distance": {"value": km, "unit": "km"}});
        readings.iter().map(item).collect()
    }

    fn check(readings: &[(&str, i64)], expected: Option<&[(i64, i64)]>) {
        assert_eq!(
            line(&items(readings)).map(|line| line.points).as_deref(),
            expected,
            "{readings:?}"
        );
    }

    #[test]
    fn ok_a_line_from_the_first_day_to_the_last() {
        let three = [("2020-01-01", 0), ("2021-01-01", 50), ("2022-01-01", 100)];
        check(&three, Some(&[(8, 88), (300, 48), (592, 8)]));
    }

    #[test]
    fn err_no_line_without_two_days_and_a_distance() {
        check(&[], None);
        check(&[("2020-01-01", 10)], None);
        check(&[("2020-01-01", 10), ("2020-01-01", 20)], None);
        check(&[("2020-01-01", 0), ("2021-01-01", 0)], None);
        check(&[("yesterday", 0), ("2021-01-01", 10)], None);
        let many: Vec<Value> =
            (0..5000).flat_map(|n| items(&[("2020-01-01", n), ("2021-01-01", n)])).collect();
        assert!(line(&many).is_none_or(|line| line.points.len() <= MAX_POINTS + 1));
    }
}
