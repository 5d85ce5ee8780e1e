// Stryker's mocha runner asks for `mocha/lib/cli/options` and the like; mocha 12 has them as `.cjs`.
// May go when https://github.com/stryker-mutator/stryker-js/pull/6205 is released.
// eslint-disable-next-line n/no-unsupported-features/node-builtins -- runs on the Node of the project's devDependencies
import {registerHooks} from 'node:module'

registerHooks({
  resolve: (specifier, context, next) =>
    next(/[/\\]mocha\/lib\/cli\/[\w-]+$/.test(specifier) ? `${specifier}.cjs` : specifier, context),
})
