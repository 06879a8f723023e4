// The words of the language that a page is read in. The server puts that of the reader's language
// in the place of this module; English texts are their own ids.

export const LANGUAGE = "en";
export const LANGUAGES = [["en", "English"]]; // [code, its own name]
export const WORDS = new Map(); // id -> text, or its plural forms
export const SAID = []; // ids of what the server says in English
export const form = (n) => Number(n !== 1); // which plural form a number takes
