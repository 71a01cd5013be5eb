/** Tokenizing needs no image or GPU code; whoever reaches this asked for something dsgen does not ship. */
export default function absent() {
  throw new Error("this installation of dsgen carries tokenizers only: sharp and onnxruntime are left out");
}
