//! The order of a conversation, row by row.

use bellglass_wire::{CellFrame, ControllerFrame, ConversationState, STATES, WireError};

/// The page that says what may come when, for writers of cells and controllers.
const PAGE: &str = include_str!("../../../docs/protocol.md");

/// The table of the page whose first line begins so: x where one may come.
fn table(first: &str) -> String {
    let mut lines = PAGE.lines().skip_while(|line| !line.trim_start().starts_with(&format!("{first} ")));
    lines
        .by_ref()
        .take_while(|line| line.starts_with("    "))
        .map(|line| {
            format!(
                "{line}
"
            )
        })
        .collect()
}

/// Each cell of a table: state, frame, and whether it may come.
fn cells(table: &str) -> Vec<(ConversationState, String, bool)> {
    let mut lines = table.lines().filter(|line| !line.is_empty()).map(|line| line.split_whitespace());
    let heads: Vec<&str> = lines.next().expect("a first line").collect();
    let rows: Vec<Vec<&str>> = lines.map(Iterator::collect).collect();
    assert_eq!(rows.len(), STATES.len());
    let mut cells = Vec::new();
    for row in rows {
        let state = STATES.iter().find(|known| format!("{:?}", known.state) == row[0]).expect(row[0]).state;
        assert_eq!(row.len(), heads.len() + 1);
        cells.extend(
            heads.iter().zip(&row[1..]).map(|(head, mark)| (state, (*head).to_owned(), *mark == "x")),
        );
    }
    cells
}

fn verdict(checked: Result<String, WireError>, state: ConversationState, frame: &str, may: bool) {
    match checked {
        Ok(name) => assert!(may && name == frame, "{frame} passes as {name} in {state:?}"),
        Err(error) => {
            assert!(!may, "{frame} is refused in {state:?}: {error}");
            let said = error.to_string();
            assert_eq!(said, format!("{frame} came while {}", state.name()));
        }
    }
}

#[test]
fn each_frame_of_a_cell_may_come_where_the_table_says() {
    let cells = cells(&table("Hello Call"));
    assert_eq!(cells.len(), STATES.len() * CellFrame::ALL.len());
    for (state, name, may) in cells {
        let frame = CellFrame::ALL.into_iter().find(|frame| frame.name() == name).expect("a frame");
        let checked = state.check_cell(&[frame as u8, 0, 0]).map(|frame| frame.name().to_owned());
        verdict(checked, state, &name, may);
    }
}

#[test]
fn each_frame_of_a_controller_may_come_where_the_table_says() {
    let cells = cells(&table("Welcome Run"));
    assert_eq!(cells.len(), STATES.len() * ControllerFrame::ALL.len());
    for (state, name, may) in cells {
        let frame = ControllerFrame::ALL.into_iter().find(|frame| frame.name() == name).expect("a frame");
        let checked = state.check_controller(&[frame as u8]).map(|frame| frame.name().to_owned());
        verdict(checked, state, &name, may);
    }
}

#[test]
fn a_kind_that_nobody_knows_is_another_fault_in_every_state() {
    for row in STATES {
        for kind in [0, 11, 99, 255] {
            assert_eq!(row.state.check_cell(&[kind]), Err(WireError::Unknown { kind }));
        }
        for kind in [0, 12, 255] {
            let error = row.state.check_controller(&[kind]).expect_err("unknown");
            assert_eq!(
                error.to_string(),
                format!("a frame of kind {kind} came, which the protocol does not know")
            );
        }
        assert!(row.state.check_cell(&[]).is_err() && row.state.check_controller(&[]).is_err());
    }
}
