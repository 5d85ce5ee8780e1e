/** The sides that are compared, by the names under which reports hold them. */
export const ACCELERATED = 'accelerated'
export const LEGACY_AS_SHIPPED = 'legacy_as_shipped'
/** What improvements are computed from: a module that only sleeps is easily beaten. */
export const LEGACY_WITHOUT_SLEEP = 'legacy_without_sleep'
/** In the order in which reports have them. */
export const SIDES = [LEGACY_AS_SHIPPED, LEGACY_WITHOUT_SLEEP, ACCELERATED] as const
