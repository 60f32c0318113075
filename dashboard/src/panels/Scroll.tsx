import type { ReactNode, Ref } from 'react';

/** What may be wider or higher than its place; it is reached by keys, too. */
export function Scroll({
  label,
  className,
  children,
  ref,
}: {
  label: string;
  className: string | undefined;
  children: ReactNode;
  ref?: Ref<HTMLElement>;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without it, arrow keys could not scroll it
    <section ref={ref} className={className} aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
