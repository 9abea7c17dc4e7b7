import type { ComponentChildren } from "preact";

export interface Column<Row> {
  readonly key: string;
  readonly label: string;
  readonly cell: (row: Row) => ComponentChildren;
  readonly numeric?: boolean;
  /** What the collector calls this order; without it the column cannot rank the rows. */
  readonly ranks?: string;
  /** 2: leaves on a phone; 3: leaves on a tablet too. */
  readonly rank?: 1 | 2 | 3;
}

interface TableProps<Row> {
  /** Read out by screen readers in place of the panel's look. */
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  /** The key of the row that the page is about. */
  readonly chosen?: string;
  /** The column by which the rows are ranked, largest first. */
  readonly ranked?: string;
  readonly onRank?: (ranks: string) => void;
}

export function Table<Row>(props: TableProps<Row>) {
  const { caption, columns, rows, rowKey } = props;
  return (
    <div class="table-frame">
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.key} column={column} {...props} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr
              key={rowKey(row)}
              data-row={rowKey(row)}
              aria-current={rowKey(row) === props.chosen ? "true" : undefined}
            >
              {columns.map((column) => (
                <td key={column.key} class={cellClass(column)} data-column={column.key}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function cellClass<Row>(column: Column<Row>): string {
  return `${column.numeric ? "numeric " : ""}rank-${column.rank ?? 1}`;
}

interface HeadProps<Row> {
  readonly column: Column<Row>;
  readonly ranked?: string;
  readonly onRank?: (ranks: string) => void;
}

function Head<Row>({ column, ranked, onRank }: HeadProps<Row>) {
  const { ranks } = column;
  if (!ranks || !onRank)
    return (
      <th scope="col" class={cellClass(column)}>
        {column.label}
      </th>
    );
  const chosen = ranks === ranked;
  return (
    <th scope="col" class={cellClass(column)} aria-sort={chosen ? "descending" : "none"}>
      <button type="button" class="rank-by" onClick={() => onRank(ranks)}>
        {column.label}
        <span class="rank-mark" aria-hidden="true">
          {chosen ? "▾" : ""}
        </span>
      </button>
    </th>
  );
}
