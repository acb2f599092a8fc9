/** Renders a raw value of the column at `out`; gives the end, or 0 when it has no JSON form. */
export declare function render(column: u32, source: u32, out: u32): u32;
/** Drops the keys among entries `from`…`to` that come again later; gives how many. */
export declare function dropRepeatedKeys(column: u32, from: u32, to: u32): u32;
