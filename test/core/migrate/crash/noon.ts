/** Noon, so that no clock makes two days of one test. */
export const NOON = new Date(2026, 10, 24, 12, 0, 0)
