/** What an address without a page shows. */
export function NotFound({ path }: { readonly path: string }) {
  return (
    <div class="notice" data-part="not-found">
      <p class="notice-code">404</p>
      <h1>There is no page at this address</h1>
      <p>
        <code>{path}</code> is not part of this console. It may have been mistyped, or come from a
        newer version.
      </p>
      <div class="notice-actions">
        <a class="button" href="/">
          Go to the overview
        </a>
      </div>
    </div>
  );
}
