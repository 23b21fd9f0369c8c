// The films on an implant's page: the upload desk, the gallery, and the dialog that both of them use.

import { FilmDialog } from "./film_dialog.js";
import { GalleryView } from "./gallery.js";
import { UploadDesk } from "./upload.js";

const desk = document.getElementById("films");

if (desk) {
  const dialog = new FilmDialog(document.getElementById("film-dialog"));
  const gallery = new GalleryView(desk, dialog);
  const upload = document.getElementById("upload");
  if (upload) new UploadDesk(upload, dialog, () => gallery.refreshSoon());
}
