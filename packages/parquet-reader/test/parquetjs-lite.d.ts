/** The part of parquetjs-lite that the tests use; it has no types of its own. */
declare module "parquetjs-lite" {
  interface Peer {
    readonly ParquetSchema: new (fields: object) => object;
    readonly ParquetWriter: {
      openFile(
        schema: object,
        path: string,
      ): Promise<{ appendRow(row: object): Promise<void>; close(): Promise<void> }>;
    };
    readonly ParquetReader: {
      openFile(path: string): Promise<{ getCursor(): { next(): Promise<unknown> }; close(): Promise<void> }>;
    };
  }
  const peer: Peer;
  export default peer;
}
