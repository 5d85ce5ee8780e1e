import oclif from 'eslint-config-oclif'
import prettier from 'eslint-config-prettier'

export default [
  {
    ignores: [
      'dist',
      'release',
      '.stryker-tmp',
      'coverage',
      'native/target',
      'native/node/binding.cjs',
      '**/fixtures',
      'node_modules',
      '.mocharc.cjs',
      '**/*.d.ts',
      '**/.venv',
    ],
  },
  ...oclif,
  prettier,
  {
    rules: {
      // Members and keys stand in the order in which a reader needs them, which is seldom the alphabet's.
      'perfectionist/sort-classes': 'off',
      'perfectionist/sort-exports': 'off',
      'perfectionist/sort-interfaces': 'off',
      'perfectionist/sort-modules': 'off',
      'perfectionist/sort-named-exports': 'off',
      'perfectionist/sort-object-types': 'off',
      'perfectionist/sort-objects': 'off',
      'perfectionist/sort-switch-case': 'off',
      'perfectionist/sort-union-types': 'off',
      'perfectionist/sort-arrays': 'off',
      'perfectionist/sort-sets': 'off',
      'perfectionist/sort-maps': 'off',
      'perfectionist/sort-array-includes': 'off',
      // Interfaces give shorter error messages and can be implemented.
      '@typescript-eslint/consistent-type-definitions': 'off',
      // An empty string or variable counts as absent in several places, on purpose.
      '@typescript-eslint/prefer-nullish-coalescing': 'off',
      // Null is what JSON, N-API and the protocols speak.
      'unicorn/no-null': 'off',
      '@typescript-eslint/no-restricted-types': 'off',
      // File modes, device numbers and binary headers are bit fields.
      'no-bitwise': 'off',
      'unicorn/prevent-abbreviations': 'off',
      'unicorn/name-replacements': 'off',
      'unicorn/no-process-exit': 'off',
      'unicorn/prefer-string-repeat': 'off',
      'unicorn/prefer-iterator-to-array': 'off',
      'unicorn/no-array-callback-reference': 'off',
      // Loops over every number of a tensor count by index: an iterator would cost more than their work.
      'unicorn/no-for-loop': 'off',
      'unicorn/consistent-boolean-name': 'off',
      'unicorn/no-array-for-each': 'off',
      'unicorn/no-await-expression-member': 'off',
      'unicorn/no-declarations-before-early-exit': 'off',
      'unicorn/consistent-class-member-order': 'off',
      'unicorn/prefer-top-level-await': 'off',
      'import-x/no-anonymous-default-export': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      'unicorn/consistent-conditional-object-spread': 'off',
      'jsdoc/require-throws-type': 'off',
      // It turns slice() of a typed array into an Array.
      'unicorn/prefer-spread': 'off',
      'unicorn/no-unnecessary-splice': 'off',
      'unicorn/no-nonstandard-builtin-properties': 'off',
      'jsdoc/escape-inline-tags': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-unused-vars': ['error', {ignoreRestSiblings: true, varsIgnorePattern: '^_'}],
      '@typescript-eslint/no-unnecessary-type-conversion': 'off',
      'no-return-assign': 'off',
      'guard-for-in': 'off',
      'max-params': 'off',
      'unicorn/prefer-simple-condition-first': 'off',
      'unicorn/prefer-number-is-safe-integer': 'off',
      'unicorn/no-negated-comparison': 'off',
      'unicorn/max-nested-calls': 'off',
      'n/prefer-global/buffer': 'off',
      'require-unicode-regexp': 'off',
      'no-await-in-loop': 'off',
      'n/no-process-exit': 'off',
      'n/no-unpublished-import': 'off',
      'n/no-unpublished-bin': 'off',
      'n/no-extraneous-import': 'off',
      // tsc resolves imports, extensions included.
      'n/no-missing-import': 'off',
      'import/no-unresolved': 'off',
      'import-x/no-unresolved': 'off',
      // Symbol.asyncDispose is newer than the list of this rule.
      '@typescript-eslint/class-literal-property-style': 'off',
      // The minimum, 22.13, has them; only their status "stable" is younger.
      'n/no-unsupported-features/node-builtins': [
        'error',
        {
          allowExperimental: true,
          ignores: ['import.meta.dirname', 'util.styleText', 'fs.globSync', 'fs.promises.glob'],
        },
      ],
    },
  },
  {
    // Needs types, which scripts do not have.
    files: ['**/*.ts'],
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': ['error', {considerDefaultExhaustiveForUnions: true}],
    },
  },
  {
    files: ['test/**'],
    rules: {
      // A test says what it means in one expression, builders and all.
      'unicorn/max-nested-calls': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      'unicorn/no-unsafe-buffer-conversion': 'off',
      // A file of tests mirrors a file of sources, which may export several things; what tests share is a module too.
      'mocha/max-top-level-suites': 'off',
      'mocha/no-exports': 'off',
      'mocha/no-top-level-hooks': 'off',
    },
  },
]
