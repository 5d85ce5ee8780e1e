/** Operations that a signal may cancel. */

type Cancel = () => void

/** What each signal is to cancel. Its only listener has no more than this, so a signal that stays keeps nothing alive. */
const CANCELS = new WeakMap<AbortSignal, Set<Cancel>>()

/**
 * Has `cancel` called when the signal is aborted, unless what this gives is called before. However many operations a
 * signal has in its time, as that of a connection does, it has one listener for all: to add one to a signal and take it
 * off again takes longer than the engine needs for a short operation.
 */
export function onAbort(signal: AbortSignal, cancel: Cancel): () => void {
  const cancels = CANCELS.get(signal) ?? listenTo(signal)
  cancels.add(cancel)
  return () => {
    cancels.delete(cancel)
  }
}

function listenTo(signal: AbortSignal): Set<Cancel> {
  const cancels = new Set<Cancel>()
  CANCELS.set(signal, cancels)
  const cancelAll = () => {
    for (const cancel of cancels) cancel()
    cancels.clear()
  }

  signal.addEventListener('abort', cancelAll, {once: true})
  return cancels
}
