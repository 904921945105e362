import { html } from '../common/html.js';

/** The documentation page. It has no inline script, so that a strict content security policy fits. */
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
export function initScript(path: string): string {
  const options = {
    url: `${path}/openapi.json`,
    dom_id: '#swagger-ui',
    deepLinking: true,
    validatorUrl: null,
  };
  return `SwaggerUIBundle(${JSON.stringify(options)});\n`;
}
