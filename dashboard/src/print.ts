// Paper is light, whatever the screen is. Mantine's colours follow this attribute.
const SCHEME = 'data-mantine-color-scheme';
const page = document.documentElement;
let onScreen = page.getAttribute(SCHEME);

addEventListener('beforeprint', () => {
  onScreen = page.getAttribute(SCHEME);
  page.setAttribute(SCHEME, 'light');
});
addEventListener('afterprint', () => {
  if (onScreen) page.setAttribute(SCHEME, onScreen);
});
