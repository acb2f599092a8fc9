import { bytesOf, type Packed } from "./codec/decompress.ts";
import { at, type Column, ended, isLastPage, place, type Workshop } from "./column.ts";
import { loadData } from "./data-page.ts";
import { loadDictionary } from "./dictionary-page.ts";
import { ParquetError } from "./errors.ts";
import { type Limits, within } from "./limits.ts";
import { checkCrc, checkPage, parsePageHeader } from "./page.ts";

/** The range of the file that must be in the window before the next page can be loaded; undefined when it is there. */
export function missingRange(column: Column, limits: Limits): { start: number; end: number } | undefined {
  const { window, position, end } = column;
  const windowEnd = window.offset + window.bytes.length;
  if (position >= end || isLastPage(column)) throw ended(column);
  if (column.header === undefined) {
    if (position < window.offset || position >= windowEnd) return { start: position, end: position + 1 };
    try {
      column.header = parsePageHeader(window.bytes, position - window.offset, window.offset);
    } catch (error) {
      const short = error instanceof ParquetError && error.code === "TRUNCATED";
      if (!short || windowEnd >= end) throw at(column, error);
      const have = windowEnd - position;
      within(limits, "pageHeaderBytes", have, "page header", place(column));
      return { start: position, end: Math.min(end, position + 2 * have) };
    }
  }
  const pageEnd = position + column.header.headerBytes + column.header.compressedBytes;
  if (pageEnd > end) {
    throw at(
      column,
      new ParquetError("TRUNCATED", `a page of ${column.header.compressedBytes} bytes reaches beyond its column chunk`),
    );
  }
  return pageEnd > windowEnd ? { start: position, end: pageEnd } : undefined;
}

/** Loads the page whose bytes are in the window; true when it was a data page with values. */
export function loadPage(column: Column, workshop: Workshop): boolean {
  const { header, window } = column;
  if (header === undefined) throw ended(column);
  try {
    checkPage(header, workshop.limits);
    const start = column.position + header.headerBytes - window.offset;
    const packed: Packed = { bytes: window.bytes, start, end: start + header.compressedBytes, at: window.at };
    if (header.crc !== undefined) checkCrc(header.crc, bytesOf(packed));
    switch (header.kind) {
      case "dictionary":
        loadDictionary(column, workshop, header, packed);
        break;
      case "data":
      case "data v2":
        if (header.valueCount > 0) loadData(column, workshop, header, packed);
        break;
      case "other":
        break;
    }
  } catch (error) {
    throw at(column, error);
  }
  column.position += header.headerBytes + header.compressedBytes;
  column.header = undefined;
  return header.kind.startsWith("data") && header.valueCount > 0;
}
