// With `node --import`: names on standard error, at the end, each package that was loaded, and each file of ours in bin.
// eslint-disable-next-line n/no-unsupported-features/node-builtins -- runs on the Node of the project's devDependencies
import {registerHooks} from 'node:module'

const loaded = new Set()
registerHooks({
  load(url, context, next) {
    const name =
      /node_modules\/((?:@[^/]+\/)?[^/]+)(?!.*node_modules)/.exec(url)?.[1] ?? /\/bin\/([\w.]+)$/.exec(url)?.[1]
    if (name) loaded.add(name)
    return next(url, context)
  },
})
process.on('exit', () => {
  process.stderr.write(`loaded: ${[...loaded].join(' ')}\n`)
})
