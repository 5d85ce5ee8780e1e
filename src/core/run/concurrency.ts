/** How many lines are in flight at once where nobody says. */
export const DEFAULT_CONCURRENCY = 64
