export { type FetchImage, fetchImage } from './fetch-image.js';
export { withLinkedImages } from './linked-images.js';
