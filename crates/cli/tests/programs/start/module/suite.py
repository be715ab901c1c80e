import unittest

def setUpModule():
    print("set up")

class Sums(unittest.TestCase):
    def test_right(self):
        self.assertEqual(1 + 1, 2)

    def test_wrong(self):
        """A failure with a difference."""
        self.assertEqual({"a": [1, 2, 3]}, {"a": [1, 2, 4]})

    def test_raises(self):
        raise LookupError("nothing here")

    @unittest.skip("not today")
    def test_skipped(self):
        pass

    @unittest.expectedFailure
    def test_known(self):
        self.assertTrue(False)

    def test_many(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertNotEqual(number, 1)
