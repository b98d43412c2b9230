// The page's scripts are bodies of functions that Gradio calls with these names (`js_on_load`, and `text` of save.js), after page.js.
import js from '@eslint/js';
import globals from 'globals';

const given = Object.fromEntries(['element', 'trigger', 'props', 'watch', 'server', 'upload', 'Plotly', 'text', 'make', 'pointing', 'save'].map((name) => [name, 'readonly']));

export default [
  js.configs.recommended,
  {
    files: ['explorer/**/*.js'],
    languageOptions: {
      ecmaVersion: 2022,
      sourceType: 'script',
      parserOptions: {ecmaFeatures: {globalReturn: true}},
      globals: {...globals.browser, ...given},
    },
    linterOptions: {reportUnusedDisableDirectives: 'error'},
    rules: {
      'array-callback-return': 'error',
      curly: 'error',
      eqeqeq: 'error',
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-shadow': 'error',
      'no-unused-expressions': 'error',
      'no-unused-vars': 'error',
      'no-use-before-define': ['error', {functions: false, variables: false}],
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-arrow-callback': 'error',
      'prefer-const': 'error',
    },
  },
  {files: ['explorer/components/page.js'], rules: {'no-redeclare': 'off', 'no-unused-vars': 'off'}},
];
