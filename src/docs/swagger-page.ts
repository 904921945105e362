import { html } from '../common/html.js';

/**
 * The documentation page. It has no inline script, so that a strict content security policy fits.
 * @param path link to the page's own files
 */
export function docsPage(title: string, path: string): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} API</title>
        <link rel="icon" type="image/png" href="${path}/favicon-32x32.png" />
        <link rel="stylesheet" href="${path}/swagger-ui.css" />
      </head>
      <body>
        <div id="swagger-ui"></div>
        <script src="${path}/swagger-ui-bundle.js"></script>
        <script src="${path}/init.js"></script>
      </body>
    </html> `.text;
}

/** Script that starts Swagger UI; `validatorUrl: null` keeps it from calling its validator over the network. */
export const INIT_SCRIPT = `SwaggerUIBundle({
  url: new URL('openapi.json', document.currentScript.src).href,
  dom_id: '#swagger-ui',
  deepLinking: true,
  validatorUrl: null,
});
`;
