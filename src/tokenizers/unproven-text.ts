/*
 * Texts for which the encoder is not proven to give the official library's ids, whatever the tokenizer: where the two know
 * another Unicode. The ranges are every code point for which a differential test over all of Unicode found a difference in a
 * component of proven-table.ts (test/tokenizers/proven.long.test.ts holds the list against the official library).
 */

/** Letters, marks, numbers and symbols new in Unicode 17, which the official regular expressions do not know yet. */
const NEW_IN_CLASSES =
  "\\u088f\\u0c5c\\u0cdc\\u1acf-\\u1add\\u1ae0-\\u1aeb\\u20c1\\u2b96\\ua7ce\\ua7cf\\ua7d2\\ua7d4\\ua7f1\\ufbc3-\\ufbd2" +
  "\\ufd90\\ufd91\\ufdc8-\\ufdce\\u{10940}-\\u{10959}\\u{10ec5}-\\u{10ec7}\\u{10ed0}-\\u{10ed8}\\u{10efa}\\u{10efb}" +
  "\\u{11b60}-\\u{11b67}\\u{11db0}-\\u{11ddb}\\u{11de0}-\\u{11de9}\\u{16ea0}-\\u{16eb8}\\u{16ebb}-\\u{16ed3}" +
  "\\u{16ff2}-\\u{16ff6}\\u{187f8}-\\u{187ff}\\u{18d09}-\\u{18d1e}\\u{18d80}-\\u{18df2}\\u{1ccfa}-\\u{1ccfc}" +
  "\\u{1ceba}-\\u{1ced0}\\u{1cee0}-\\u{1cef0}\\u{1e6c0}-\\u{1e6de}\\u{1e6e0}-\\u{1e6f5}\\u{1e6fe}\\u{1e6ff}\\u{1f6d8}" +
  "\\u{1f777}-\\u{1f77a}\\u{1f8d0}-\\u{1f8d8}\\u{1fa54}-\\u{1fa57}\\u{1fa8a}\\u{1fa8e}\\u{1fac8}\\u{1facd}\\u{1faea}" +
  "\\u{1faef}\\u{1fbfa}\\u{2b73a}-\\u{2b73f}\\u{2cea2}-\\u{2cead}\\u{323b0}-\\u{33479}";

/** What the official library's NFC, whose tables are those of Unicode 9, does not compose or puts in another order. */
const NEW_IN_NFC =
  "\\u07fd\\u0897-\\u089f\\u08ca-\\u08d3\\u09fe\\u0c3c\\u0d3b\\u0d3c\\u0eba\\u1715\\u1abf-\\u1add\\u1ae0-\\u1aeb" +
  "\\u1df6-\\u1dfa\\ua82c\\u{105c9}\\u{105e4}\\u{10d24}-\\u{10d27}\\u{10d69}-\\u{10d6d}\\u{10eab}\\u{10eac}\\u{10efa}" +
  "\\u{10efb}\\u{10efd}-\\u{10eff}\\u{10f46}-\\u{10f50}\\u{10f82}-\\u{10f85}\\u{11070}\\u{1133b}\\u{11383}\\u{11385}" +
  "\\u{1138e}\\u{11391}\\u{113c2}\\u{113c5}\\u{113c7}\\u{113c8}\\u{113ce}-\\u{113d0}\\u{1145e}\\u{11839}\\u{1183a}\\u{11938}" +
  "\\u{1193d}\\u{1193e}\\u{11943}\\u{119e0}\\u{11a34}\\u{11a47}\\u{11a99}\\u{11d42}\\u{11d44}\\u{11d45}\\u{11d97}" +
  "\\u{11f41}\\u{11f42}\\u{1611e}\\u{16121}-\\u{16128}\\u{1612f}\\u{16d67}-\\u{16d6a}\\u{16ff0}\\u{16ff1}\\u{1e08f}" +
  "\\u{1e130}-\\u{1e136}\\u{1e2ae}\\u{1e2ec}-\\u{1e2ef}\\u{1e4ec}-\\u{1e4ef}\\u{1e5ee}\\u{1e5ef}\\u{1e6e3}\\u{1e6e6}" +
  "\\u{1e6ee}\\u{1e6ef}\\u{1e6f5}";

/**
 * Matches a text that must not be encoded: one with a character of the ranges above, with one that this Node does not know
 * (the official library may), or with `'ſ`, which only the official library takes for the contraction `'s`. A template may
 * put the apostrophe before the text, so a `ſ` at its start counts too.
 */
export const UNPROVEN_TEXT = new RegExp(`[\\p{Cn}${NEW_IN_CLASSES}${NEW_IN_NFC}]|(?:^|')ſ`, "u");
