const THUMBNAIL = '.thumbnail';

/** The object of a file is called by its id; that of its thumbnail so. */
export function thumbnailOf(fileId: string): string {
  return fileId + THUMBNAIL;
}

/** The file that an object belongs to. */
export function fileOf(objectName: string): string {
  return objectName.endsWith(THUMBNAIL) ? objectName.slice(0, -THUMBNAIL.length) : objectName;
}
