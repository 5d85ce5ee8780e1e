import {guardRefused} from './refusals.ts'

export interface ConsentOptions<Offer> {
  /** The user has agreed beforehand. */
  readonly yes: boolean
  /** Whether there is somebody to ask. */
  readonly canAsk: boolean
  readonly ask: (offer: Offer) => Promise<boolean>
}

/**
 * How the user is asked before anything changes.
 *
 * @returns a function that throws with exit code 4 where nobody can be asked and nobody agreed beforehand
 */
export function consent<Offer>({yes, canAsk, ask}: ConsentOptions<Offer>): (offer: Offer) => Promise<boolean> {
  return async (offer) => {
    if (yes) return true
    if (canAsk) return ask(offer)
    throw guardRefused('nobody agreed: this is not a terminal and --yes was not given', [
      'see what would happen: add --dry-run --diff',
      'then add --yes',
    ])
  }
}
